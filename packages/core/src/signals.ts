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
  'task:enqueued': JobSignal;
  'task:started': AttemptSignal;
  /** `ctx.setState` has shown it. */
  'task:state': AttemptSignal & { readonly state: string };
  /** A report of `ctx.progress` has been written: not each one is. */
  'task:progress': AttemptSignal & { readonly done: number; readonly total: number };
  'task:succeeded': EndedSignal;
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
  'worker:drained': { readonly orphans: readonly string[] };
  /** The event loop stood still for about so long, while these jobs ran. Told when it turns again. */
  'worker:blocked': { readonly ms: number; readonly jobs: readonly { readonly id: string; readonly task: string }[] };
  /** Every ten seconds. */
  'worker:lag': EventLoopLag;
  /** The server has not answered the fetches of a queue for so long; the connections are being replaced. */
  'worker:stuck': { readonly queue: string; readonly silentMs: number };
  /** It answers again. */
  'worker:recovered': { readonly queue: string; readonly silentMs: number };
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
  'task:started': true,
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
  'worker:blocked': true,
  'worker:lag': true,
  'worker:stuck': true,
  'worker:recovered': true,
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
