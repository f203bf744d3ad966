import { OxbowError } from '../errors.ts';
import { dispose, type Shutdown } from '../execution/disposal.ts';
import { toError } from '../execution/failure.ts';
import type { Isolation } from '../task/definition.ts';

const START_MS = 30_000;

interface Made {
  readonly deps: Promise<unknown>;
  readonly shutdown: Shutdown<unknown> | undefined;
}

/** What `isolate.startup` has made in a child: once for all tasks that have the same one. One that failed is called again by the next job. */
export class ChildDeps {
  readonly #limitMs: number;
  readonly #made = new Map<() => unknown, Made>();

  constructor(limitMs: number = START_MS) {
    this.#limitMs = limitMs;
  }

  /** Undefined for a task without a startup. @throws OxbowError `startup_failed`, `startup_timeout` */
  async of(task: string, { startup, shutdown }: Isolation): Promise<{ readonly deps: unknown } | undefined> {
    if (startup === undefined) return undefined;
    const made = this.#made.get(startup) ?? this.#make(task, startup, shutdown);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `Task "${task}": isolate.startup has not ended within ${this.#limitMs} ms.`;
      timer = setTimeout(() => reject(new OxbowError('startup_timeout', message)), this.#limitMs);
    });
    try {
      return { deps: await Promise.race([made.deps, late]) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Of all that was made; before the child ends. */
  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#made.values()].map(async ({ deps, shutdown }) => dispose(await deps, shutdown)));
  }

  #make(task: string, startup: () => unknown, shutdown: Shutdown<unknown> | undefined): Made {
    const deps = (async () => startup())().catch((thrown: unknown) => {
      this.#made.delete(startup);
      const cause = toError(thrown);
      throw new OxbowError('startup_failed', `Task "${task}": isolate.startup failed: ${cause.message}`, { cause });
    });
    const made = { deps, shutdown };
    this.#made.set(startup, made);
    return made;
  }
}
