import { setImmediate as repliesRead, setTimeout as wait } from 'node:timers/promises';
import { InFlight } from '../in-flight.ts';
import type { ActiveJobs, LockedJob } from './active-jobs.ts';

/** The second look is for a server that carries out later what it got on the connection that was lost. */
const LOOKS_AFTER_MS = [50, 2000] as const;
const RETRY_MS = 1000;

/** What is known here of a job that a fetch has brought. */
interface Fetched {
  readonly id?: string | undefined;
  readonly attemptsStarted: number;
}

/**
 * Puts back the jobs of fetches whose reply was lost with its connection: they are active, locked under a token of this
 * lane, and nobody runs them. Without it they wait until the lock ends, and that counts as a crash.
 *
 * A job that the server shows as this lane's is lost when no fetch that was under way then, and may have been told of it
 * yet, has brought it. A job that runs, or whose end is being offered again, was brought by one.
 */
export class LostFetches {
  readonly #jobs: ActiveJobs;
  readonly #owner: string;
  readonly #held = new InFlight<Fetched>();
  readonly #underWay = new InFlight<Promise<unknown>>();
  readonly #end = new AbortController();
  readonly #stopListening: (() => void) | undefined;
  #losses = 0;
  #looking = false;

  /** @param owner - what the tokens of this lane begin with, and no others */
  constructor(jobs: ActiveJobs, owner: string) {
    this.#jobs = jobs;
    this.#owner = owner;
    this.#stopListening = jobs.onLoss?.(() => this.#lost());
  }

  /** Around each call that may bring a job. One that rejects without an answer of the server has perhaps lost one. */
  async during<T extends Fetched | void>(fetch: () => Promise<T>, isAnswer: (error: unknown) => boolean): Promise<T> {
    const underWay = fetch();
    this.#underWay.add(underWay);
    try {
      const job = await underWay;
      if (job !== undefined) this.#held.add(job);
      return job;
    } catch (error) {
      if (!isAnswer(error)) this.#lost();
      throw error;
    } finally {
      this.#underWay.delete(underWay);
    }
  }

  /** Nobody here runs the job any more, or offers its end. */
  release(job: Fetched): void {
    this.#held.delete(job);
  }

  /** Looks no more. */
  close(): void {
    this.#stopListening?.();
    this.#end.abort();
  }

  #lost(): void {
    this.#losses += 1;
    if (this.#looking || this.#end.signal.aborted) return;
    this.#looking = true;
    // It rejects when this is closed.
    this.#look().catch(() => undefined);
  }

  async #look(): Promise<void> {
    let due: readonly number[] = LOOKS_AFTER_MS;
    for (;;) {
      const [afterMs, ...later] = due;
      if (afterMs === undefined) break;
      await wait(afterMs, undefined, { signal: this.#end.signal, ref: false });
      const losses = this.#losses;
      const looked = await this.#putBackLost().then(
        () => true,
        () => false,
      );
      if (!looked) due = [RETRY_MS, ...later];
      else if (losses === this.#losses) due = later;
      else due = LOOKS_AFTER_MS;
    }
    this.#looking = false;
  }

  async #putBackLost(): Promise<void> {
    const found = await this.#jobs.lockedBy(this.#owner);
    await Promise.allSettled(this.#underWay);
    await repliesRead();
    for (const job of found) {
      if (!this.#end.signal.aborted && !this.#holds(job)) await this.#jobs.putBack(job);
    }
  }

  #holds({ id, attemptsStarted }: LockedJob): boolean {
    for (const held of this.#held) if (held.id === id && held.attemptsStarted === attemptsStarted) return true;
    return false;
  }
}
