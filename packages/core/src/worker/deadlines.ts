import type { Lane } from '../engine/engine.ts';
import { ShutdownError } from '../errors.ts';
import type { ThrottledLog } from '../log.ts';
import { Deferred } from './deferred.ts';
import type { RunningJobs } from './running-jobs.ts';

const IDLE_CLOSE_MS = 2000;

export interface DeadlinesSource {
  readonly running: RunningJobs;
  readonly lanes: () => readonly Lane[];
  readonly softMs: number;
  readonly hardMs: number;
  readonly errors: ThrottledLog;
}

/** How long a drain waits for what runs: until it is told to stop, until it is put back; or not at all, once it is hurried. */
export class Deadlines {
  readonly #source: DeadlinesSource;
  readonly #hurried = new Deferred<false>();

  constructor(source: DeadlinesSource) {
    this.#source = source;
  }

  /** Every wait ends now, and none begins. */
  hurry(): void {
    this.#hurried.resolve(false);
  }

  /** The two deadlines. @param closed - of the lanes. Returns who had to be put back. */
  async settle(closed: Promise<unknown>): Promise<readonly string[]> {
    const { running, softMs, hardMs, errors } = this.#source;
    // With nothing to wait for, only an engine that is away can hold a close up.
    if (running.size === 0 && !(await this.endsWithin(closed, Math.min(IDLE_CLOSE_MS, softMs)))) return this.#abandon([]);
    if (await this.endsWithin(closed, softMs)) return [];
    running.abortAll(new ShutdownError());
    if (await this.endsWithin(closed, hardMs)) return [];
    return this.#abandon(
      await running.putBackAll((error) => errors.error(error, 'a job could not be put back; it runs again when its lock ends')),
    );
  }

  /** Resolves when it has ended, or at once when the drain is hurried. */
  async ended(what: Promise<unknown>): Promise<void> {
    await Promise.race([what, this.#hurried.promise]);
  }

  async endsWithin(what: Promise<unknown>, ms: number): Promise<boolean> {
    const late = new Deferred<false>();
    const timer = setTimeout(() => late.resolve(false), ms);
    try {
      return await Promise.race([what.then(() => true), late.promise, this.#hurried.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #abandon(orphans: readonly string[]): Promise<readonly string[]> {
    await Promise.all(this.#source.lanes().map((lane) => lane.abandon()));
    return orphans;
  }
}
