import type { Lane } from '../engine/engine.ts';
import type { Attempt } from '../execution/attempt.ts';
import { publicId } from '../task/id.ts';
import { Deferred } from './deferred.ts';

const PUT_BACK_MS = 3000;

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

  /**
   * Puts every one back without using an attempt; returns their public ids, also of those that could not be. An engine
   * that is away is not waited for.
   */
  async putBackAll(onError: (error: Error) => void): Promise<readonly string[]> {
    const orphans = [...this.#jobs.entries()];
    const puttingBack = Promise.all(orphans.map(([, { attempt, lane }]) => lane.putBack(attempt.job.id).catch(onError)));
    const late = new Deferred<'late'>();
    const timer = setTimeout(() => late.resolve('late'), PUT_BACK_MS);
    if ((await Promise.race([puttingBack, late.promise])) === 'late')
      onError(new Error(`The engine did not answer within ${PUT_BACK_MS} ms.`));
    clearTimeout(timer);
    return orphans.map(([id]) => id);
  }
}
