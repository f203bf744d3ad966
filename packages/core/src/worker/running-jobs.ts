import { crashpoint } from '../crashpoint.ts';
import type { JobPlace, Lane } from '../engine/engine.ts';
import type { Attempt } from '../execution/attempt.ts';
import { endAttempt } from '../execution/handler-run.ts';
import { InFlight } from '../in-flight.ts';
import { toError, type Cancellations } from '../policies/cancellation.ts';
import { isAtMostOnce } from '../policies/delivery.ts';
import { publicId } from '../task/id.ts';
import { Deferred } from './deferred.ts';
import { BLOCKED_MS, type Turned } from './loop-watch.ts';
import type { RunningState } from './state.ts';

const PUT_BACK_MS = 3000;
/** From the signal to the end of what `cancel({ terminate: true })` is about. */
const TERMINATE_GRACE_MS = 500;

/** An attempt, and whose job it is. A class for the sake of collections (docs/decisions/0026-collections.md). */
export class RunningJob {
  readonly attempt: Attempt;
  readonly lane: Lane;

  constructor(attempt: Attempt, lane: Lane) {
    this.attempt = attempt;
    this.lane = lane;
  }
}

/** The attempts that run in this worker now. */
export class RunningJobs {
  /** A job whose lock was lost can run here twice. */
  readonly #jobs = new InFlight<RunningJob>();
  readonly #blockedOut: Attempt[] = [];
  readonly #terminating = new WeakSet<Attempt>();
  #turnedAt = performance.now();

  get size(): number {
    return this.#jobs.size;
  }

  add(job: RunningJob): void {
    this.#jobs.add(job);
  }

  remove(job: RunningJob): void {
    this.#jobs.delete(job);
    if (performance.now() - this.#turnedAt > BLOCKED_MS) this.#blockedOut.push(job.attempt);
  }

  /** To be called at every turn of the event loop that is watched. Returns who ran since the last one, should it be long ago. */
  turned(): ReturnType<Turned> {
    const now = performance.now();
    const blocked = now - this.#turnedAt > BLOCKED_MS;
    this.#turnedAt = now;
    if (!blocked) return [];
    return [...this.#blockedOut.splice(0), ...this.#attempts].map(({ job }) => ({ id: publicId(job.id, job.queue), task: job.name }));
  }

  /** Oldest first. */
  get states(): readonly RunningState[] {
    const now = Date.now();
    return this.#attempts.map(({ job }) => ({
      id: publicId(job.id, job.queue),
      task: job.name,
      queue: job.queue,
      attempt: job.attemptsMade + 1,
      runningMs: Math.max(0, now - (job.processedOn ?? now)),
    }));
  }

  abort(id: string, reason: Error): void {
    for (const attempt of this.#attempts) if (idOf(attempt) === id) attempt.context?.abort(reason);
  }

  /** Of all that a cancellation is about. */
  abortCancelled(cancellations: Cancellations): void {
    for (const attempt of this.#attempts) {
      const cancellation = cancellations.find(attempt.job.id);
      if (cancellation === undefined) continue;
      attempt.context?.abort(toError(cancellation));
      if (cancellation.terminate === true) this.#terminate(attempt, toError(cancellation));
    }
  }

  #terminate(attempt: Attempt, error: Error): void {
    if (this.#terminating.has(attempt)) return;
    this.#terminating.add(attempt);
    setTimeout(() => endAttempt(attempt, error), TERMINATE_GRACE_MS);
  }

  /** What each attempt that runs is about: the job, or the run that it is in. */
  get places(): ReadonlyMap<Attempt, JobPlace> {
    return new Map(this.#attempts.map((attempt) => [attempt, attempt.canvas?.root ?? attempt.job]));
  }

  get #attempts(): readonly Attempt[] {
    return Array.from(this.#jobs, ({ attempt }) => attempt);
  }

  abortAll(reason: Error): void {
    for (const attempt of this.#attempts) attempt.context?.abort(reason);
  }

  /**
   * Puts every one back without using an attempt, isolated ones when they have been killed; returns their public ids, also of those that could
   * not be. An engine that is away is not waited for. Those that must not be started twice stay as they are: who finds their locks ended, ends them.
   */
  async putBackAll(onError: (error: Error) => void): Promise<readonly string[]> {
    const orphans = [...this.#jobs];
    const putBack = async ({ attempt, lane }: RunningJob): Promise<void> => {
      const { context } = attempt;
      if (context?.hasUnstored === true) await context.store({ keepBeat: true }).catch(onError);
      context?.silence();
      if (attempt.isolated !== undefined) await attempt.isolated.kill();
      const puttingBack = isAtMostOnce(attempt.definition) ? Promise.resolve() : lane.putBack(attempt.job.id);
      await puttingBack.then(() => crashpoint('after-put-back-before-exit'), onError);
    };
    const puttingBack = Promise.all(orphans.map(putBack));
    const late = new Deferred<'late'>();
    const timer = setTimeout(() => late.resolve('late'), PUT_BACK_MS);
    if ((await Promise.race([puttingBack, late.promise])) === 'late')
      onError(new Error(`The engine did not answer within ${PUT_BACK_MS} ms.`));
    clearTimeout(timer);
    return orphans.map(({ attempt }) => idOf(attempt));
  }
}

function idOf({ job }: Attempt): string {
  return publicId(job.id, job.queue);
}
