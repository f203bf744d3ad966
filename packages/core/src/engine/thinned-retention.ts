import type { KeepJobs } from 'bullmq';

type Keep = boolean | number | KeepJobs;

/** Share of the count that may be kept on top of it. */
const SURPLUS = 1 / 20;
const MOST_BETWEEN = 1000;
/** For retention by age alone. */
const BETWEEN_BY_AGE = 100;
const MOST_MS = 1000;

/**
 * Says when a finished job is to carry BullMQ's retention along.
 *
 * On SQL every application reads all jobs that are kept: with 10,000 of them, some milliseconds at each finished job. On Redis it is a
 * tenth of what the server does for a job. It is due when a twentieth of the count has finished since the last one, or when a second has passed. So no job goes
 * before its time, at most a twentieth too many stay while jobs keep finishing, and a count below 40 is exact.
 */
export class ThinnedRetention {
  readonly #most: number;
  #finished = 0;
  #appliedAt = Number.NEGATIVE_INFINITY;

  /** @param most - finished jobs between two times that it is due. */
  constructor(most: number = MOST_BETWEEN) {
    this.#most = most;
  }

  /** What to hand to BullMQ for the job that finishes now; false keeps everything this once. */
  due(keep: Keep | undefined): Keep {
    if (keep === undefined || typeof keep === 'boolean') return keep ?? false;
    const now = performance.now();
    this.#finished++;
    if (this.#finished < Math.min(between(keep), this.#most) && now - this.#appliedAt < MOST_MS) return false;
    this.#finished = 0;
    this.#appliedAt = now;
    return keep;
  }
}

function between(keep: number | KeepJobs): number {
  const count = typeof keep === 'number' ? keep : (keep as { readonly count?: number }).count;
  if (count === undefined) return BETWEEN_BY_AGE;
  return Math.max(Math.floor(count * SURPLUS), 1);
}
