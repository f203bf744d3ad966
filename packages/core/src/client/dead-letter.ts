import type { StoredJob } from '../engine/engine.ts';
import { readCanvasJob } from '../execution/canvas-job.ts';
import { toFailureRecord } from '../execution/failure.ts';
import type { Redact } from '../log.ts';
import { reasonOf, type DeadLetterReason } from '../policies/dead-letter.ts';
import type { DeadLetterEntry, DeadLetterGroup as StoredGroup } from '../store/dead-letters.ts';
import { decodeEnvelope, type Envelope, type FailureRecord } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import { failureOf, toDate } from './status.ts';

/** What a job failed with, as it was when it was thrown. */
export interface DeadLetterError {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
  readonly cause: DeadLetterError | undefined;
}

/** A job that has finally failed. Values at `redact` paths are hidden. */
export interface DeadLetter {
  /** Public id of the job. */
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly fingerprint: string;
  /** `poison`: it took its workers down. `lost-worker`: its worker was lost, and it must not be started twice. */
  readonly reason: DeadLetterReason;
  readonly input: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: DeadLetterError;
  /** Attempts that came to an end. */
  readonly attempts: number;
  /** Ends of its workers while they ran it. */
  readonly crashes: number;
  /** Host and process id of the worker that wrote the failure down. */
  readonly worker: string | undefined;
  readonly enqueuedAt: Date;
  readonly startedAt: Date | undefined;
  readonly failedAt: Date;
  /** Public id of the run that it is part of. */
  readonly runId: string | undefined;
  /** The dead letter that it replays: public ids of that one, and of the first in the row. */
  readonly origin: { readonly id: string; readonly first: string } | undefined;
}

/** Dead letters with one fingerprint: the same error of the same task. */
export interface DeadLetterGroup {
  readonly fingerprint: string;
  readonly task: string;
  /** Of the letter that came first. */
  readonly error: { readonly name: string; readonly message: string; readonly code: string | undefined };
  /** Letters that are there now. */
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Public id of the newest letter. */
  readonly sample: string;
}

export function toDeadLetter(job: StoredJob, { fingerprint, at }: DeadLetterEntry, redact: Redact): DeadLetter {
  const envelope = envelopeOf(job);
  const { failure, origin } = envelope ?? {};
  const error = toError(failure?.error ?? toFailureRecord(failureOf(job)));
  const reason = reasonOf(error.code);
  const shown = redact({ input: envelope === undefined ? job.data : envelope.input, headers: envelope?.headers ?? {}, error });
  return {
    id: publicId(job.id, job.queue),
    task: job.name,
    queue: job.queue,
    fingerprint,
    reason,
    ...shown,
    // BullMQ counts the end of a job that was not started as an attempt.
    attempts: Math.max(0, job.attemptsMade - (reason === 'error' ? 0 : 1)),
    crashes: job.stalledCounter,
    worker: failure?.worker,
    enqueuedAt: new Date(job.timestamp),
    startedAt: toDate(job.processedOn),
    failedAt: new Date(job.finishedOn ?? at),
    runId: envelope === undefined ? undefined : runIdOf(job, envelope),
    origin: origin === undefined ? undefined : { id: origin.id, first: origin.first ?? origin.id },
  };
}

export function toDeadLetterGroup({ name, message, code, firstAt, lastAt, ...group }: StoredGroup, redact: Redact): DeadLetterGroup {
  const { error } = redact({ error: { name, message, code } });
  return { ...group, error, firstAt: new Date(firstAt), lastAt: new Date(lastAt) };
}

/** Undefined when its data cannot be read. */
export function envelopeOf(job: Pick<StoredJob, 'data'>): Envelope | undefined {
  const decoded = decodeEnvelope(job.data);
  return decoded.kind === 'envelope' || decoded.kind === 'plain' ? decoded.envelope : undefined;
}

/** Public id of the run that a job is part of. */
export function runIdOf(job: Pick<StoredJob, 'id' | 'queue'>, { canvas }: Envelope): string | undefined {
  if (canvas === undefined) return undefined;
  const read = readCanvasJob(job, canvas);
  return read.kind === 'canvas' ? publicId(read.canvas.root.id, read.canvas.root.queue) : undefined;
}

function toError({ name, message, code, stack, cause }: FailureRecord): DeadLetterError {
  return { name, message, code, stack, cause: cause === undefined ? undefined : toError(cause) };
}
