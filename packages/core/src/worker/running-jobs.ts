import type { Lane } from '../engine/engine.ts';
import type { Attempt } from '../execution/attempt.ts';
import { publicId } from '../task/id.ts';
import { Deferred } from './deferred.ts';

const PUT_BACK_MS = 3000;

/** The attempts that run in this worker now. */
export class RunningJobs {
  /** By attempt: a job whose lock was lost can run here twice. */
  readonly #jobs = new Map<Attempt, Lane>();

  get size(): number {
    return this.#jobs.size;
  }

  add(attempt: Attempt, lane: Lane): void {
    this.#jobs.set(attempt, lane);
  }

  remove(attempt: Attempt): void {
    this.#jobs.delete(attempt);
  }

  abort(id: string, reason: Error): void {
    for (const attempt of this.#jobs.keys()) if (idOf(attempt) === id) attempt.context?.abort(reason);
  }

  abortAll(reason: Error): void {
    for (const attempt of this.#jobs.keys()) attempt.context?.abort(reason);
  }

  /**
   * Puts every one back without using an attempt; returns their public ids, also of those that could not be. An engine
   * that is away is not waited for.
   */
  async putBackAll(onError: (error: Error) => void): Promise<readonly string[]> {
    const orphans = [...this.#jobs];
    const puttingBack = Promise.all(orphans.map(([attempt, lane]) => lane.putBack(attempt.job.id).catch(onError)));
    const late = new Deferred<'late'>();
    const timer = setTimeout(() => late.resolve('late'), PUT_BACK_MS);
    if ((await Promise.race([puttingBack, late.promise])) === 'late')
      onError(new Error(`The engine did not answer within ${PUT_BACK_MS} ms.`));
    clearTimeout(timer);
    return orphans.map(([attempt]) => idOf(attempt));
  }
}

function idOf({ job }: Attempt): string {
  return publicId(job.id, job.queue);
}
