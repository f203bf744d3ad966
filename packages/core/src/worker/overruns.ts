import type { Attempt } from '../execution/attempt.ts';
import type { Logger } from '../log.ts';
import type { AttemptSignal, SignalBus } from '../signals.ts';
import { publicId } from '../task/id.ts';
import type { OverrunState } from './state.ts';

/** A handler that listens to `ctx.signal`, or a child that is killed, has ended by then. */
const GRACE_MS = 500;

interface Overrun extends AttemptSignal {
  readonly error: Error;
  readonly since: number;
}

/** Handlers that run on though their attempts were ended. */
export class Overruns {
  /** With their handlers. */
  readonly #overruns = new Map<Overrun, Promise<unknown>>();
  readonly #signals: SignalBus;
  readonly #log: Logger;

  constructor(signals: SignalBus, log: Logger) {
    this.#signals = signals;
    this.#log = log;
  }

  get states(): readonly OverrunState[] {
    return [...this.#overruns.keys()].map(({ error, since, ...which }) => {
      const { code } = error as { readonly code?: unknown };
      return { ...which, overMs: performance.now() - since, code: typeof code === 'string' ? code : error.name };
    });
  }

  /** Resolves when the handlers that run on now have settled. */
  async ended(): Promise<void> {
    await Promise.all(this.#overruns.values());
  }

  /** Keeps an attempt in sight until its handler, which never rejects, has settled; reports it should that take long. */
  watch({ job }: Attempt, handler: Promise<unknown>, error: Error): void {
    // Read now: BullMQ counts the attempt when it records it.
    const attempt = job.attemptsMade + 1;
    const overrun: Overrun = {
      id: publicId(job.id, job.queue),
      task: job.name,
      queue: job.queue,
      attempt,
      error,
      since: performance.now(),
    };
    this.#overruns.set(overrun, handler);
    let reported = false;
    const timer = setTimeout(() => {
      reported = true;
      this.#report(overrun, false);
    }, GRACE_MS).unref();
    void handler.then(() => {
      clearTimeout(timer);
      this.#overruns.delete(overrun);
      if (reported) this.#report(overrun, true);
    });
  }

  #report({ since, ...overrun }: Overrun, ended: boolean): void {
    const { id, task, attempt, error } = overrun;
    const overMs = performance.now() - since;
    this.#log.warn(
      { task, job: id, attempt, overMs, reason: error.message },
      ended ? 'a handler has ended at last' : 'a handler goes on though its attempt was ended; isolate the task to have it stopped',
    );
    this.#signals.emit('task:overrun', { ...overrun, overMs, ended });
  }
}
