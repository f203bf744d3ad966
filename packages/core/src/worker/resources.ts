import { OxbowError, ShutdownError } from '../errors.ts';
import { dispose } from '../execution/disposal.ts';
import { toError } from '../execution/failure.ts';
import type { Logger } from '../log.ts';
import type { WorkerOptions } from './settings.ts';

export interface ResourceSettings {
  readonly startupMs: number;
  readonly shutdownMs: number;
}

/**
 * What a worker's `startup` makes, once, before its first job, and what becomes of it after its last. What is made is disposed of, however late it
 * comes; what could not be made is not.
 */
export class Resources<Deps> {
  readonly #hooks: Pick<WorkerOptions<Deps>, 'startup' | 'shutdown'>;
  readonly #settings: ResourceSettings;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #making: Promise<Deps> | undefined;
  #isMade = false;
  #deps: Deps | undefined;

  constructor(hooks: Pick<WorkerOptions<Deps>, 'startup' | 'shutdown'>, settings: ResourceSettings, log: Logger) {
    this.#hooks = hooks;
    this.#settings = settings;
    this.#log = log;
  }

  /** Undefined without a startup. */
  get deps(): Deps | undefined {
    return this.#deps;
  }

  /** True when a handler that still runs could be hurt by a disposal. */
  get inUse(): boolean {
    return this.#isMade && (this.#hooks.startup ?? this.#hooks.shutdown) !== undefined;
  }

  /** @throws OxbowError `startup_failed`, `startup_timeout`; ShutdownError after {@link abandon} */
  async make(): Promise<void> {
    const { signal } = this.#stop;
    const { startupMs } = this.#settings;
    this.#making = (async () => (await this.#hooks.startup?.({ signal })) as Deps)();
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    const timer = setTimeout(() => this.#stop.abort(tooLong(startupMs)), startupMs);
    try {
      this.#deps = await Promise.race([this.#making, stopped]);
      this.#isMade = true;
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const cause = toError(thrown);
      throw new OxbowError('startup_failed', `The startup of the worker failed: ${cause.message}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells a startup that has not ended, and waits for it no longer. */
  abandon(): void {
    if (!this.#isMade) this.#stop.abort(new ShutdownError());
  }

  /** After the last handler. Takes `shutdownMs` at most, and never rejects: what goes wrong is logged. */
  async dispose(): Promise<void> {
    if (this.#making === undefined) return;
    const { shutdownMs } = this.#settings;
    const disposed = this.#making.then(
      (deps) => this.#shutDown(deps),
      () => undefined,
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), shutdownMs);
    });
    if ((await Promise.race([disposed, late])) === 'late')
      this.#log.error(
        { shutdownMs },
        `the ${this.#isMade ? 'shutdown' : 'startup'} of the worker has not ended within shutdownTimeout; it is not waited for any longer`,
      );
    clearTimeout(timer);
  }

  async #shutDown(deps: Deps): Promise<void> {
    try {
      await dispose(deps, this.#hooks.shutdown);
    } catch (error) {
      this.#log.error({ err: toError(error) }, 'the shutdown of the worker failed');
    }
  }
}

function tooLong(limitMs: number): OxbowError {
  return new OxbowError('startup_timeout', `The startup of the worker has not ended within ${limitMs} ms (startupTimeout).`);
}
