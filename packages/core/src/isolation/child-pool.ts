import type { Attempt, IsolatedChildren, IsolatedHandler } from '../execution/attempt.ts';
import { OxbowError } from '../errors.ts';
import type { Isolation } from '../task/definition.ts';
import { Child, keyOf } from './child.ts';
import { ForwardedCalls } from './forwarded-calls.ts';

/** A child that had nothing to do for so long is ended. */
const IDLE_MS = 60_000;

/**
 * The children of one worker. One is started when an attempt finds none idle, so there are never more at work than attempts; it is used again
 * by tasks of the same module.
 */
export class ChildPool implements IsolatedChildren {
  readonly #app: string;
  readonly #all = new Set<Child>();
  readonly #idle = new Map<Child, NodeJS.Timeout>();
  #closed = false;

  constructor(app: string) {
    this.#app = app;
  }

  /** @throws what the module threw when it was loaded; IsolatedTaskDiedError */
  async lease(isolation: Isolation, attempt: Attempt): Promise<IsolatedHandler> {
    if (this.#closed) throw new OxbowError('closed', 'The worker has been drained.');
    const child = this.#takeIdle(keyOf(isolation)) ?? (await Child.start(isolation, (spawned) => this.#add(spawned)));
    child.hold(true);
    const calls = new ForwardedCalls(child, attempt, this.#app);
    return {
      call: (input) => calls.call(input),
      kill: () => child.kill(),
      release: () => {
        calls.close();
        this.#giveBack(child);
      },
    };
  }

  /** Ends idle children, and kills the others. */
  async close(): Promise<void> {
    this.#closed = true;
    const idle = [...this.#idle.keys()];
    for (const timer of this.#idle.values()) clearTimeout(timer);
    this.#idle.clear();
    await Promise.all([...this.#all].map((child) => (idle.includes(child) ? child.end() : child.kill())));
  }

  #add(child: Child): void {
    this.#all.add(child);
    void child.exited.then(() => {
      this.#all.delete(child);
      clearTimeout(this.#idle.get(child));
      this.#idle.delete(child);
    });
    if (this.#closed) void child.kill();
  }

  /** The one that was used last: the others may rest. */
  #takeIdle(key: string): Child | undefined {
    const child = [...this.#idle.keys()].findLast((one) => one.key === key && one.isUsable);
    if (child === undefined) return undefined;
    clearTimeout(this.#idle.get(child));
    this.#idle.delete(child);
    return child;
  }

  #giveBack(child: Child): void {
    if (!child.isUsable) return;
    if (this.#closed) {
      void child.end();
      return;
    }
    child.hold(false);
    this.#idle.set(
      child,
      setTimeout(() => {
        this.#idle.delete(child);
        void child.end();
      }, IDLE_MS).unref(),
    );
  }
}
