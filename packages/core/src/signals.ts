import { EventEmitter } from 'node:events';
import { OxbowError } from './errors.ts';
import type { Logger } from './log.ts';

/** Which job a signal is about. */
export interface JobSignal {
  /** Public id, `<jobId>@<queue>`. */
  readonly id: string;
  readonly task: string;
  readonly queue: string;
}

/** One attempt of it. */
export interface AttemptSignal extends JobSignal {
  /** From 1. */
  readonly attempt: number;
}

/** An enqueue that came to no new job. */
export interface NotEnqueued {
  readonly task: string;
  readonly queue: string;
  /**
   * `deduplicated`: another job stands for it, that has not ended. `replayed`: its idempotency key has a result. `rejected`: it is wrong, or a rule
   * of the task forbids it. `error`: the engine is away, or refuses it, or a policy threw.
   */
  readonly outcome: 'deduplicated' | 'replayed' | 'rejected' | 'error';
  /** What the call rejected with. */
  readonly error: Error | undefined;
}

/** What a lock is told of by: never by its key, of which there may be any number. */
export interface LockSignal {
  /** The task whose option it is; of a call, `app.lock` or `app.semaphore`. */
  readonly lock: string;
  readonly kind: 'lock' | 'concurrency' | 'semaphore';
}

/** A run that has ended. */
export interface CanvasSignal {
  /** Public id of the run. */
  readonly id: string;
  /** The task that ends it; of a run that ends in a group, the first task of it. */
  readonly canvas: string;
  readonly kind: 'chain' | 'group' | 'chord' | 'map' | 'task';
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'expired';
  /** Since its enqueue; its delay counts. */
  readonly durationMs: number;
}

/** An attempt that has ended. */
export interface EndedSignal extends AttemptSignal {
  /** Of this attempt. */
  readonly durationMs: number;
}

/** How late the event loop was, over the last seconds. */
export interface EventLoopLag {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What happens in this process. Payloads and results are not in signals. */
export interface Signals {
  /** `bytes`: of its data, as it is stored. */
  'task:enqueued': JobSignal & { readonly bytes: number };
  'task:not-enqueued': NotEnqueued;
  /** `waitMs`: since it was ready (its delay does not count); undefined for a later attempt or start of it, and for a join. */
  'task:started': AttemptSignal & { readonly waitMs: number | undefined };
  /** The handler is about to be called, in the asynchronous context that it has. */
  'task:running': AttemptSignal;
  /** `ctx.setState` has shown it. */
  'task:state': AttemptSignal & { readonly state: string };
  /** A report of `ctx.progress` has been written: not each one is. */
  'task:progress': AttemptSignal & { readonly done: number; readonly total: number };
  /** `replayed`: the handler did not run, because the result of its idempotency key was on record. */
  'task:succeeded': EndedSignal & { readonly replayed: boolean };
  /** Finally. */
  'task:failed': EndedSignal & { readonly error: Error };
  /** A job has finally failed and is a dead letter, of which there are `count` with its fingerprint now. After `task:failed`. */
  'task:dead-lettered': JobSignal & {
    readonly fingerprint: string;
    readonly count: number;
    readonly reason: 'error' | 'poison' | 'lost-worker';
    readonly error: Error;
  };
  'task:retrying': EndedSignal & { readonly error: Error; readonly delayMs: number | undefined };
  'task:cancelled': EndedSignal & { readonly error: Error };
  'task:expired': EndedSignal & { readonly error: Error };
  /** Put back without using an attempt: a drain, an unknown task, a newer envelope. */
  'task:put-back': EndedSignal & { readonly delayMs: number; readonly reason: string };
  /** BullMQ found a job whose worker had died and put it back. */
  'task:stalled': { readonly id: string; readonly queue: string };
  /** The lock of a job that runs here is gone: another worker may start it. `ctx.signal` has been aborted. */
  'task:lock-lost': { readonly id: string; readonly queue: string };
  /**
   * A handler whose attempt was ended, and that does not stop: told half a second after that (`ended` is false), and when it has ended at last. It
   * holds no slot, and what it returns counts for nothing.
   */
  'task:overrun': AttemptSignal & { readonly overMs: number; readonly ended: boolean; readonly error: Error };
  'worker:ready': { readonly queues: Readonly<Record<string, number>> };
  'worker:draining': { readonly running: number };
  'worker:drained': { readonly orphans: readonly string[]; readonly durationMs: number };
  /** What the fetch loop of a queue ran into: the engine is away, or refuses. It goes on. */
  'worker:error': { readonly queue: string; readonly error: Error };
  /** The event loop stood still for about so long, while these jobs ran. Told when it turns again. */
  'worker:blocked': { readonly ms: number; readonly jobs: readonly { readonly id: string; readonly task: string }[] };
  /** Every ten seconds. */
  'worker:lag': EventLoopLag;
  /** The server has not answered the fetches of a queue for so long; the connections are being replaced. */
  'worker:stuck': { readonly queue: string; readonly silentMs: number };
  /** It answers again. */
  'worker:recovered': { readonly queue: string; readonly silentMs: number };
  /** Told once, by the worker that has ended the run. */
  'canvas:completed': CanvasSignal;
  /** `waitMs`: since it was asked for, in this process; undefined for a job that had been put back to wait for it. */
  'lock:acquired': LockSignal & { readonly waitMs: number | undefined };
  /** `waiting`: the job was put back and stands in line. `taken`: it gave up. */
  'lock:refused': LockSignal & { readonly outcome: 'waiting' | 'taken' };
  'lock:released': LockSignal & { readonly heldMs: number };
  /** It could not be renewed in time. */
  'lock:lost': LockSignal;
  /** An idempotency key was claimed, at an enqueue or by an attempt. `in_progress`: another job has it. `mismatch`: it stands for another input. */
  'idempotency:claimed': { readonly task: string; readonly outcome: 'new' | 'in_progress' | 'replayed' | 'mismatch' };
  /** A call of the result store, by the name that it has. */
  'results:called': {
    readonly store: string;
    readonly operation: 'put' | 'get' | 'delete';
    readonly durationMs: number;
    readonly error: Error | undefined;
  };
  /** A call of `app.background` threw. */
  'background:failed': { readonly name: string; readonly durationMs: number; readonly error: Error };
  /** So many had not ended when the app closed; by name. */
  'background:lost': { readonly lost: number; readonly names: Readonly<Record<string, number>> };
  'engine:clock-skewed': { readonly offsetMs: number };
  'engine:clock-restored': { readonly offsetMs: number };
  /** Everything of it has ended. The last signal. */
  'app:closed': { readonly app: string };
}

export type SignalName = keyof Signals;
export type SignalListener<Name extends SignalName> = (event: Signals[Name]) => unknown;

const NAMES: Readonly<Record<SignalName, true>> = {
  'task:enqueued': true,
  'task:not-enqueued': true,
  'task:started': true,
  'task:running': true,
  'task:state': true,
  'task:progress': true,
  'task:succeeded': true,
  'task:failed': true,
  'task:dead-lettered': true,
  'task:retrying': true,
  'task:cancelled': true,
  'task:expired': true,
  'task:put-back': true,
  'task:stalled': true,
  'task:lock-lost': true,
  'task:overrun': true,
  'worker:ready': true,
  'worker:draining': true,
  'worker:drained': true,
  'worker:error': true,
  'worker:blocked': true,
  'worker:lag': true,
  'worker:stuck': true,
  'worker:recovered': true,
  'canvas:completed': true,
  'lock:acquired': true,
  'lock:refused': true,
  'lock:released': true,
  'lock:lost': true,
  'idempotency:claimed': true,
  'results:called': true,
  'background:failed': true,
  'background:lost': true,
  'engine:clock-skewed': true,
  'engine:clock-restored': true,
  'app:closed': true,
};

/**
 * Typed, synchronous, in order of registration. A listener that throws is logged and changes nothing; what it returns
 * is ignored, a rejected promise is logged.
 */
export class SignalBus {
  readonly #emitter = new EventEmitter();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
    this.#emitter.setMaxListeners(0);
  }

  /** Returns the function that removes the listener. @throws OxbowError `invalid_options` */
  on<Name extends SignalName>(name: Name, listener: SignalListener<Name>): () => void {
    if (!Object.hasOwn(NAMES, name))
      throw new OxbowError(
        'invalid_options',
        `app.on(): there is no signal "${String(name as unknown)}". Known: ${Object.keys(NAMES).join(', ')}.`,
      );
    if (typeof listener !== 'function') throw new OxbowError('invalid_options', `app.on("${name}") takes a function as listener.`);
    this.#emitter.on(name, listener);
    return () => {
      this.#emitter.off(name, listener);
    };
  }

  /** True when somebody listens: callers on hot paths ask before they build the event. */
  wants(name: SignalName): boolean {
    return this.#emitter.listenerCount(name) > 0;
  }

  emit<Name extends SignalName>(name: Name, event: Signals[Name]): void {
    for (const listener of this.#emitter.listeners(name)) {
      try {
        const returned = (listener as SignalListener<Name>)(event);
        if (returned instanceof Promise) returned.catch((error: unknown) => this.#report(name, error));
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  #report(name: SignalName, error: unknown): void {
    this.#log.error({ err: error, signal: name }, `a listener of ${name} threw; the job is not affected`);
  }
}
