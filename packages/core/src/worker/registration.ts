import { setTimeout as wait } from 'node:timers/promises';
import { ThrottledLog, type Logger } from '../log.ts';
import type { WorkerStore } from '../store/workers.ts';
import type { RegistrationState } from './state.ts';

export interface RegistrationSource {
  readonly id: string;
  readonly workers: WorkerStore;
  readonly leaseMs: number;
  /** What is said of the worker, at each beat. */
  readonly text: () => string;
  readonly log: Logger;
}

/** A drain does not wait longer: who could not leave is gone when its lease is over. */
const LEAVE_MS = 2000;

/** Keeps a worker in the registry of its app: a beat each third of the lease, and one when something has changed. */
export class Registration {
  readonly #source: RegistrationSource;
  readonly #errors: ThrottledLog;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #again: Promise<void> | undefined;
  #left = false;
  #heardAt: number | undefined;

  constructor(source: RegistrationSource) {
    this.#source = source;
    this.#errors = new ThrottledLog(source.log);
  }

  /** How fresh it is; undefined before the first beat was heard, and once it has left. */
  get state(): RegistrationState | undefined {
    if (this.#heardAt === undefined || this.#left) return undefined;
    return { ageMs: performance.now() - this.#heardAt, leaseMs: this.#source.leaseMs };
  }

  /** Resolves when the first beat has been heard, or could not be: then the next one is tried in its time. */
  async enter(): Promise<void> {
    this.#timer = setInterval(() => void this.#tick(), this.#source.leaseMs / 3).unref();
    await this.beat();
  }

  /** Resolves when the registry has what is true now. Never rejects: an engine that is away is told by the log. */
  beat(): Promise<void> {
    if (this.#left) return Promise.resolve();
    if (this.#beating === undefined) {
      this.#beating = this.#beat().finally(() => (this.#beating = undefined));
      return this.#beating;
    }
    // The one on its way may say what was true before.
    this.#again ??= this.#beating.then(() => {
      this.#again = undefined;
      return this.beat();
    });
    return this.#again;
  }

  /** Resolves when it is out of the registry; or after a while. */
  async leave(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#timer === undefined || this.#left) return;
    this.#left = true;
    const late = new AbortController();
    await Promise.race([this.#leave(), wait(LEAVE_MS, undefined, { signal: late.signal, ref: false }).catch(() => undefined)]);
    late.abort();
  }

  async #tick(): Promise<void> {
    if (this.#beating === undefined) await this.beat();
  }

  async #beat(): Promise<void> {
    const { id, workers, leaseMs, text } = this.#source;
    const sentAt = performance.now();
    try {
      await workers.beat({ id, leaseMs, text: text() });
      this.#heardAt = sentAt;
    } catch (error) {
      this.#errors.error(error as Error, 'the worker could not be kept in the registry; it is tried again');
    }
  }

  /** After a beat on its way, which would bring it back. */
  async #leave(): Promise<void> {
    const { id, workers, log } = this.#source;
    await this.#beating;
    try {
      await workers.leave(id);
    } catch (error) {
      log.debug({ err: error }, 'the worker could not leave the registry; its lease ends by itself');
    }
  }
}
