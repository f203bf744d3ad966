import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { crashpoint } from '../crashpoint.ts';
import type { Verdict } from '../engine/engine.ts';
import type { Attempt } from '../execution/attempt.ts';
import { toOutcome } from '../execution/engine-away.ts';
import { publishFailure } from '../execution/failure-publication.ts';
import { toError, toFailureRecord } from '../execution/failure.ts';
import { settleFailure } from '../execution/idempotency.ts';
import { startReplacement } from '../execution/replacement.ts';
import { cancelRest } from '../execution/rest-cancellation.ts';
import { LockLostError } from '../errors.ts';
import { whenThere } from '../execution/when-there.ts';
import { settingsOf } from '../policies/capability.ts';
import type { Outcome } from '../policies/outcome.ts';
import { resultTtl } from '../policies/result-ttl.ts';
import { bury } from './burial.ts';
import { publicId } from '../task/id.ts';
import { markerId } from '../policies/run-cancellation.ts';
import { isAway } from '../policies/store-away.ts';
import { withFailure, type FailedEnd } from '../task/envelope.ts';

const WORKER = `${hostname()}:${process.pid}`;

const RETRY_MS = 500;

/**
 * The outcome as the engine is told it. A final failure is written into the job's data first: a redelivery after a
 * crash between the two writes finds it and does not run the handler again (pipeline step `recorded-failure`).
 */
export function toVerdict(outcome: Outcome, attempt: Attempt): Verdict | Promise<Verdict> {
  switch (outcome.kind) {
    case 'succeeded':
      return succeed(outcome.value, attempt);
    case 'retry':
      return { kind: 'retry', error: outcome.error, delayMs: outcome.delayMs };
    case 'put-back':
      return { kind: 'putBack', delayMs: outcome.delayMs, move: parking(outcome.delayMs, attempt) };
    case 'replaced':
      return replace(attempt);
    case 'failed':
    case 'cancelled':
    case 'expired':
      return fail(outcome.kind, outcome.error, attempt);
  }
}

/** How long it stays is written down before it ends: so it is known of every job that has ended. */
function succeed(value: unknown, attempt: Attempt): Verdict | Promise<Verdict> {
  const verdict = { kind: 'complete', value, flow: attempt.following, unless: markerOfRun(attempt), ...forgetting(attempt) } as const;
  const ttlMs = settingsOf(attempt.definition, resultTtl);
  if (ttlMs === undefined) return verdict;
  const lockLost = (): boolean => attempt.context?.abortReason instanceof LockLostError;
  return whenThere(() => attempt.settings.stores.retention.keep(attempt.job, ttlMs), lockLost).then(() => {
    crashpoint('kept-before-complete');
    return verdict;
  });
}

/** A run of which somebody was told that it is cancelled does not succeed. */
function markerOfRun({ job, canvas }: Attempt): string | undefined {
  return canvas === undefined || canvas.message.p !== undefined ? undefined : markerId(job.id);
}

/** Steps of a job that has succeeded are not asked for again. */
function forgetting({ context }: Attempt): Pick<Verdict, 'recorded'> {
  const steps = context?.steps;
  return steps === undefined ? {} : { recorded: () => steps.forget() };
}

/** Undefined for a job that waits for nothing but its time. Else it never rejects, and tries until the store has it: what it moves is moved once. */
function parking(delayMs: number, { job, waitsFor, settings }: Attempt): ((token: string) => Promise<void>) | undefined {
  if (waitsFor === undefined) return undefined;
  return async (token) => {
    for (;;) {
      try {
        return await settings.stores.leases.park({ place: waitsFor, job, token, delayMs });
      } catch (error) {
        settings.log.warn({ err: error, job: publicId(job.id, job.queue) }, 'a job could not be put back');
        // It starts again when its lock ends.
        if (!isAway(error)) return;
        await wait(RETRY_MS);
      }
    }
  };
}

/** What replaces the job is there before the job waits for it. */
async function replace(attempt: Attempt): Promise<Verdict> {
  try {
    await startReplacement(attempt);
    return { kind: 'park' };
  } catch (error) {
    const outcome = outcomeOf(error);
    return outcome.kind === 'replaced' ? { kind: 'park' } : toVerdict(outcome, attempt);
  }
}

/** A policy that refuses an enqueue fails the job that makes it. */
function outcomeOf(thrown: unknown): Outcome {
  try {
    return toOutcome(thrown);
  } catch {
    return { kind: 'failed', error: toError(thrown) };
  }
}

async function fail(end: FailedEnd, error: Error, attempt: Attempt): Promise<Verdict> {
  // Who has the job now decides how it ends: the engine refuses this end.
  if (!(await recordFailure(end, error, attempt))) return { kind: 'fail', error };
  if (end === 'failed') await bury(error, attempt);
  await whenThere(() => settleFailure(attempt, end, error));
  if (end === 'failed' && attempt.canvas !== undefined) await whenThere(() => handleFailure(error, attempt));
  return { kind: 'fail', error, kept: attempt.settings.deadLetters !== undefined };
}

async function handleFailure(error: Error, attempt: Attempt): Promise<void> {
  crashpoint('failure-recorded-before-handlers');
  try {
    await publishFailure(attempt, error);
    await cancelRest(attempt);
  } catch (thrown) {
    const outcome = outcomeOf(thrown);
    if (outcome.kind === 'put-back') throw thrown;
    // Cancelled: the plan went with the run. The job has failed whether or not a policy lets its handlers start.
    if (outcome.kind === 'failed') attempt.settings.log.error({ err: thrown, job: attempt.job.id }, 'error handlers were not enqueued');
  }
  crashpoint('handlers-before-fail');
}

/** False when the job's lock is lost, noticed or not: what another attempt has recorded stays. */
async function recordFailure(end: FailedEnd, error: Error, { job, envelope, origins }: Attempt): Promise<boolean> {
  if (envelope === undefined || !isOurs(job.data)) {
    nameCode(end, error);
    return true;
  }
  const recorded = envelope.failure;
  const failure = {
    error: toFailureRecord(error),
    end: end === 'failed' ? undefined : end,
    attemptsMade: job.attemptsMade,
    stalledCounter: job.stalledCounter,
    worker: recorded?.attemptsMade === job.attemptsMade ? recorded.worker : WORKER,
    origins: origins ?? recorded?.origins,
  };
  return job.updateData(withFailure(envelope, failure));
}

/** Data that is not ours is not changed; the code goes into the stack, as in Node's own errors, for who reads the job. */
function nameCode(end: FailedEnd, error: Error): void {
  const own = (error as { readonly code?: unknown }).code;
  // A code of the user's own must not read as another end than it was.
  const code = end !== 'failed' ? end : own === 'cancelled' || own === 'expired' ? undefined : own;
  if (typeof code !== 'string' || error.stack === undefined) return;
  if (error.stack.startsWith(`${error.name}: `)) error.stack = `${error.name} [${code}]${error.stack.slice(error.name.length)}`;
}

function isOurs(data: unknown): boolean {
  return typeof data === 'object' && data !== null && '$ox' in data;
}
