import { crashpoint } from '../crashpoint.ts';
import type { Attempt } from '../execution/attempt.ts';
import { toFailureRecord } from '../execution/failure.ts';
import { settingsOf } from '../policies/capability.ts';
import { deadLetter, reasonOf } from '../policies/dead-letter.ts';
import { kindOf } from '../policies/failure-fingerprint.ts';
import { publicId } from '../task/id.ts';
import { persist } from './persist.ts';

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
  const count = await persist(attempt, () => settings.stores.deadLetters.add({ id: publicId(job.id, job.queue), kind }, limits));
  attempt.buried = { fingerprint: kind.fingerprint, count, reason: reasonOf(record.code) };
  crashpoint('indexed-before-fail');
}
