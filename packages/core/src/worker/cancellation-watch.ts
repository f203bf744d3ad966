import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import { fromMessage, type Cancellation, type Cancellations } from '../policies/cancellation.ts';
import { cancellationsOf } from '../policies/run-cancellation.ts';
import type { RunningJobs } from './running-jobs.ts';

export interface CancellationWatchSource {
  readonly engine: Engine;
  readonly cancellations: Cancellations;
  readonly running: RunningJobs;
  readonly log: Logger;
  /** How often markers of what runs are looked for: half of a lock's time. */
  readonly everyMs: number;
}

const RETRY_MS = 1000;

/**
 * Tells running jobs that they, or their runs, were cancelled: by broadcast; and should that be lost, by the marker that a
 * cancel leaves, which is looked for as often as locks are renewed, for jobs that have run since the last look and for runs.
 */
export class CancellationWatch {
  readonly #source: CancellationWatchSource;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #stop: (() => void) | undefined;
  #before: ReadonlySet<object> = new Set();
  #looking = false;

  constructor(source: CancellationWatchSource) {
    this.#source = source;
  }

  /** Resolves when broadcasts are heard, or when the engine is away: then it goes on trying. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#look(), this.#source.everyMs).unref();
    if (!(await this.#listen())) void this.#keepTrying();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopped.abort();
    this.#stop?.();
  }

  async #keepTrying(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await wait(RETRY_MS, undefined, { ref: false });
      if (await this.#listen()) return;
    }
  }

  async #listen(): Promise<boolean> {
    const { engine, log } = this.#source;
    try {
      const stop = await engine.onBroadcast(
        (message) => this.#heard(message),
        () => void this.#look(),
      );
      if (this.#stopped.signal.aborted) stop();
      else this.#stop = stop;
      return true;
    } catch (error) {
      log.warn({ err: error }, 'cancellations are not heard for now');
      return false;
    }
  }

  #heard(message: string): void {
    const cancellation = fromMessage(message);
    if (cancellation !== undefined) this.#add([cancellation]);
  }

  #add(found: readonly Cancellation[]): void {
    const { cancellations, running } = this.#source;
    for (const cancellation of found) cancellations.add(cancellation);
    if (found.length > 0) running.abortCancelled(cancellations);
  }

  async #look(): Promise<void> {
    const { engine, running, cancellations, log } = this.#source;
    if (this.#looking || running.size === 0) return;
    this.#looking = true;
    try {
      const { places } = running;
      const asked = [...places].filter(([attempt]) => attempt.canvas !== undefined || this.#before.has(attempt));
      this.#before = new Set(places.keys());
      const roots = new Map(asked.map(([, place]) => [place.id, place]));
      for (const id of roots.keys()) if (isDecided(cancellations.find(id))) roots.delete(id);
      if (roots.size === 0) return;
      this.#add(await cancellationsOf(engine, [...roots.values()]));
    } catch (error) {
      log.debug({ err: error }, 'cancelled jobs could not be looked for');
    } finally {
      this.#looking = false;
    }
  }
}

function isDecided(cancellation: Cancellation | undefined): boolean {
  return cancellation !== undefined && cancellation.undecided !== true;
}
