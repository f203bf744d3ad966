import { setTimeout as wait } from 'node:timers/promises';
import { crashpoint } from '../crashpoint.ts';
import { LockLostError, OxbowError } from '../errors.ts';
import type { Attempt } from '../execution/attempt.ts';
import { toFailureRecord } from '../execution/failure.ts';
import { settingsOf } from '../policies/capability.ts';
import { deadLetter, reasonOf } from '../policies/dead-letter.ts';
import { kindOf } from '../policies/failure-fingerprint.ts';
import type { DeadLetterLimits, DeadLetterStore } from '../store/dead-letters.ts';
import { publicId } from '../task/id.ts';

const RETRY_MS = 500;

/**
 * Writes a final failure, which is on record, into the index of dead letters, before the job is failed: one round trip. By the job's
 * id, so that a redelivery writes the same letter. A join that fails because of its members is none: they are.
 */
export async function bury(error: Error, attempt: Attempt): Promise<void> {
  const { job, settings, definition, envelope } = attempt;
  const limits = settings.deadLetters;
  if (limits === undefined || settingsOf(definition, deadLetter) === false) return;
  if ((attempt.origins ?? envelope?.failure?.origins ?? []).length > 0) return;
  const record = toFailureRecord(error);
  const kind = kindOf(job.name, record);
  crashpoint('failure-recorded-before-index');
  const count = await persist(attempt, limits, { id: publicId(job.id, job.queue), kind });
  attempt.buried = { fingerprint: kind.fingerprint, count, reason: reasonOf(record.code) };
  crashpoint('indexed-before-fail');
}

type Letter = Parameters<DeadLetterStore['add']>[0];

/** The job cannot fail before the engine is back either, so it waits; until another worker may have the job. */
async function persist({ settings, context }: Attempt, limits: DeadLetterLimits, letter: Letter): Promise<number> {
  for (;;) {
    try {
      return await settings.stores.deadLetters.add(letter, limits);
    } catch (thrown) {
      const away = OxbowError.is(thrown) && (thrown.code === 'engine_unavailable' || thrown.code === 'engine_refused');
      if (!away || context?.abortReason instanceof LockLostError) throw thrown;
      await wait(RETRY_MS);
    }
  }
}
