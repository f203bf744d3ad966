import { replacementId } from '../canvas/replaced.ts';
import { crashpoint } from '../crashpoint.ts';
import type { JobPlace } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { claimKey, claimOf, isKeyed, keyedSettings } from '../policies/idempotency.ts';
import type { Outcome } from '../policies/outcome.ts';
import type { FailedEnd, FailureRecord, StoredClaim } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { Attempt, Next } from './attempt.ts';
import { fromFailureRecord, toFailureRecord } from './failure.ts';
import { isMapCall } from './map-call.ts';
import { whenThere } from './when-there.ts';

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5000;

/**
 * Step: the result is on record before the job completes, so a redelivery of the job finds it. Of several results of one key the first
 * counts, whoever asks.
 */
export function recordResult(attempt: Attempt, next: Next): Promise<Outcome> {
  const { definition, envelope } = attempt;
  return envelope?.claim === undefined && !isKeyed(definition) ? next(attempt) : recorded(attempt, next);
}

async function recorded(attempt: Attempt, next: Next): Promise<Outcome> {
  const outcome = await next(attempt);
  const claim = attempt.envelope?.claim;
  if (claim === undefined || outcome.kind !== 'succeeded' || attempt.replayed) return outcome;
  const { job, settings, definition } = attempt;
  crashpoint('result-before-record');
  const value = JSON.stringify(outcome.value ?? null);
  const { ttlMs } = keyedSettings(definition);
  const end = { ...claim, owner: ownerOf(attempt), ttlMs, value };
  // The handler has had its effects: a store that is away, or refuses, is waited for, until the attempt is told to stop.
  const isStopped = (): boolean => attempt.context?.abortReason !== undefined;
  const standing = await whenThere(() => settings.stores.records.succeed(end), isStopped);
  crashpoint('result-recorded-before-complete');
  if (standing === undefined)
    settings.log.warn(
      { task: job.name, job: ownerOf(attempt) },
      'the job ran longer than its idempotency key was kept, and another job has the key: its result is not on record',
    );
  return standing === undefined || standing === value ? outcome : { kind: 'succeeded', value: JSON.parse(standing) as unknown };
}

/**
 * Step: a job that has not claimed its key when it was enqueued claims it now; one that is started again looks whether an earlier start
 * has recorded its result. While another job has the key, it is put back.
 */
export function claimInput(attempt: Attempt, next: Next): Promise<Outcome> {
  const { definition, envelope, job, given } = attempt;
  // What its enqueue has claimed is still its own.
  if (definition === undefined || (envelope?.claim !== undefined && job.attemptsStarted === 1)) return next(attempt);
  const claim = envelope?.claim ?? claimOf(definition, { input: given, ofItems: isMapCall(attempt) });
  return claim === undefined ? next(attempt) : claimed(attempt, claim, next);
}

async function claimed(attempt: Attempt, claim: StoredClaim, next: Next): Promise<Outcome> {
  const { definition, envelope, job, settings } = attempt;
  const { ttlMs, replayErrors: keepsFailures } = keyedSettings(definition);
  const { engine } = settings.canvas;
  const find = ({ queue, id }: JobPlace): ReturnType<typeof engine.find> => engine.find(queue, id);
  const request = { ...claim, owner: ownerOf(attempt), ttlMs, keepsFailures, task: job.name, adds: false };
  const standing = await claimKey({ records: settings.stores.records, find, signals: settings.signals }, request);
  switch (standing.kind) {
    case 'held':
      crashpoint('claimed-before-handler');
      if (envelope !== undefined) attempt.envelope = { ...envelope, claim };
      return next(attempt);
    case 'succeeded':
      attempt.replayed = true;
      return { kind: 'succeeded', value: JSON.parse(standing.value) as unknown };
    case 'failed':
      return { kind: 'failed', error: fromFailureRecord(JSON.parse(standing.value) as FailureRecord) };
    case 'running':
      // It is part of what replaces the job that has the key, which waits for it.
      if (job.id.startsWith(replacementId(standing.owner.id))) return next(attempt);
      return { kind: 'put-back', delayMs: waitMs(attempt), reason: 'idempotency' };
  }
}

function waitMs({ job: { attemptsStarted, attemptsMade, stalledCounter } }: Attempt): number {
  const timesPutBack = Math.max(0, attemptsStarted - attemptsMade - stalledCounter - 1);
  return Math.min(FIRST_WAIT_MS * 2 ** Math.min(timesPutBack, 10), MAX_WAIT_MS);
}

/** What the same input would meet again, whoever asks, so it is not kept. */
const NEVER_RECORDED: ReadonlySet<string> = new Set(['invalid_input', 'invalid_key', 'idempotency_mismatch', 'malformed', 'unknown_task']);

/**
 * A final failure, which is in the job's data already: the key is freed for another job, or has the failure, before the job fails. Who
 * finds a job that has failed and still has its key takes the key over.
 */
export async function settleFailure(attempt: Attempt, end: FailedEnd, error: Error): Promise<void> {
  const { envelope, definition, settings } = attempt;
  const claim = envelope?.claim;
  if (claim === undefined) return;
  crashpoint('failure-recorded-before-release');
  const { records } = settings.stores;
  const { ttlMs, replayErrors } = keyedSettings(definition);
  const owner = ownerOf(attempt);
  if (end === 'failed' && replayErrors && !(OxbowError.is(error) && NEVER_RECORDED.has(error.code)))
    await records.fail({ ...claim, owner, ttlMs, value: JSON.stringify(toFailureRecord(error)) });
  else await records.release(claim.key, owner);
  crashpoint('released-before-fail');
}

function ownerOf({ job }: Attempt): string {
  return publicId(job.id, job.queue);
}
