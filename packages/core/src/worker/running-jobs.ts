import type { Lane } from '../engine/engine.ts';
import type { Attempt } from '../execution/attempt.ts';
import { publicId } from '../task/id.ts';

interface RunningJob {
  readonly attempt: Attempt;
  readonly lane: Lane;
}

/** The attempts that run in this worker now. */
export class RunningJobs {
  readonly #jobs = new Map<string, RunningJob>();

  get size(): number {
    return this.#jobs.size;
  }

  add(attempt: Attempt, lane: Lane): void {
    this.#jobs.set(publicId(attempt.job.id, attempt.job.queue), { attempt, lane });
  }

  remove(attempt: Attempt): void {
    this.#jobs.delete(publicId(attempt.job.id, attempt.job.queue));
  }

  abort(id: string, reason: Error): void {
    this.#jobs.get(id)?.attempt.context?.abort(reason);
  }

  abortAll(reason: Error): void {
    for (const { attempt } of this.#jobs.values()) attempt.context?.abort(reason);
  }

  /** Puts every one back without using an attempt; returns their public ids, also of those that could not be. */
  async putBackAll(onError: (error: Error) => void): Promise<readonly string[]> {
    const orphans = [...this.#jobs.entries()];
    await Promise.all(orphans.map(([, { attempt, lane }]) => lane.putBack(attempt.job.id).catch(onError)));
    return orphans.map(([id]) => id);
  }
}
