import type { StoredJob } from '../engine/engine.ts';
import { TaskFailedError } from '../errors.ts';
import { fromFailureRecord } from '../execution/failure.ts';
import { failureIn, originalOf } from '../execution/gathering.ts';
import { readShown, type Shown } from '../execution/shown.ts';
import { BEFORE_START, decodeEnvelope, type FailedEnd } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { Status } from '../task/status.ts';
import { etaMs } from './eta.ts';

export type { Status };

/** A state that a job was in, or is. */
export interface StateChange {
  /** One of the task's `states`. */
  readonly state: string;
  readonly at: Date;
  /** What `ctx.setState` was given beside it. */
  readonly meta?: unknown;
}

/** How far a job is, as `ctx.progress` told it. */
export interface JobProgress {
  readonly done: number;
  readonly total: number;
  readonly meta?: unknown;
  /**
   * While the job runs: how long the rest takes, counted from its last report, as fast as since the first report of the attempt; in ms. Absent when it
   * cannot be known.
   */
  readonly etaMs?: number;
}

/** What a job is doing, at one moment. Times are Dates of the clock of whoever wrote them. */
export interface JobStatus {
  /** Public id, `<jobId>@<queue>`. */
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly status: Status;
  /** The task's own state, last set by `ctx.setState`. */
  readonly state: string | undefined;
  /** The states that it was in, also in earlier attempts, oldest first: the last 50, fewer when they have more than 16 KiB of JSON. */
  readonly history: readonly StateChange[];
  readonly progress: JobProgress | undefined;
  /** Attempts begun: 0 before the first. A crashed attempt is not counted. */
  readonly attempt: number;
  /** Attempts in all. */
  readonly attempts: number;
  readonly enqueuedAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  /** Why it failed finally; without the stack. */
  readonly error: { readonly name: string; readonly message: string; readonly code: string | undefined } | undefined;
}

/** `succeeded`, `failed`, `cancelled`, `expired`, `skipped`: nothing follows. */
export function isFinal(status: Status): boolean {
  return FINAL.has(status);
}

const FINAL: ReadonlySet<Status> = new Set(['succeeded', 'failed', 'cancelled', 'expired', 'skipped']);

export function toJobStatus(job: StoredJob, id: string): JobStatus {
  const shown = readShown(job.progress);
  const status = statusOf(job);
  return {
    id,
    task: job.name,
    queue: job.queue,
    status,
    state: shown.state,
    history: (shown.history ?? []).map(({ state, at, meta }) => ({ state, at: new Date(at), ...withMeta(meta) })),
    progress: progressOf(shown, job),
    attempt: attemptsBegun(job),
    attempts: Math.max(1, job.attempts),
    enqueuedAt: new Date(job.timestamp),
    startedAt: toDate(job.processedOn),
    finishedAt: toDate(job.finishedOn),
    error: job.state === 'failed' ? brief(originalOf(failureIn(job)) ?? failureOf(job)) : undefined,
  };
}

/** BullMQ counts the end of a job that never started as an attempt. */
function attemptsBegun(job: StoredJob): number {
  if (job.state === 'active') return job.attemptsMade + 1;
  const endedBefore = job.state === 'failed' && failureIn(job)?.stalledCounter === BEFORE_START;
  return endedBefore ? Math.max(0, job.attemptsMade - 1) : job.attemptsMade;
}

function progressOf(shown: Shown, { state, processedOn }: StoredJob): JobProgress | undefined {
  const { done, total, meta } = shown;
  if (done === undefined || total === undefined) return undefined;
  const eta = state === 'active' ? etaMs(shown, processedOn) : undefined;
  return { done, total, ...withMeta(meta), ...(eta === undefined ? {} : { etaMs: eta }) };
}

function withMeta(meta: unknown): { readonly meta?: unknown } {
  return meta === undefined ? {} : { meta };
}

/** What a job is doing, in a word. */
export function statusOf(job: StoredJob): Status {
  switch (job.state) {
    case 'completed':
      return 'succeeded';
    case 'failed':
      return endOf(job);
    case 'active':
      return 'started';
    case 'waiting-children':
      return 'parked';
    case 'waiting':
    case 'delayed':
      return job.attemptsMade > 0 ? 'retrying' : job.state;
  }
}

/** Oxbow's record says it; a job without one has the code in its stack. */
function endOf(job: StoredJob): FailedEnd {
  const decoded = decodeEnvelope(job.data);
  const failure = decoded.kind === 'envelope' ? decoded.envelope.failure : undefined;
  if (failure !== undefined) return failure.end ?? 'failed';
  const { code } = failureOf(job) as { readonly code?: unknown };
  return code === 'cancelled' || code === 'expired' ? code : 'failed';
}

/** Names the job that failed: of a join the one whose failure it passed on. */
export function toTaskFailed(job: StoredJob): TaskFailedError {
  const end = endOf(job);
  const code = end === 'failed' ? 'task_failed' : end;
  const failure = failureIn(job);
  const [origin] = failure?.origins ?? [];
  const original = originalOf(failure);
  if (origin !== undefined && original !== undefined) return new TaskFailedError(origin.id, origin.task, original, code);
  return new TaskFailedError(publicId(job.id, job.queue), job.name, failureOf(job), code);
}

/** `Name: message` or, as in Node's own errors, `Name [code]: message`. */
const STACK_HEAD = /^(?<name>[A-Za-z_$][\w$]*)(?: \[(?<code>\w+)\])?(?::|$)/u;

/** The error that a failed job ended with: Oxbow's record, else what BullMQ keeps. */
export function failureOf(job: StoredJob): Error {
  const decoded = decodeEnvelope(job.data);
  const record = decoded.kind === 'envelope' ? decoded.envelope.failure?.error : undefined;
  if (record !== undefined) return fromFailureRecord(record);
  const stack = job.stack.at(-1);
  const { name, code } = STACK_HEAD.exec(stack ?? '')?.groups ?? {};
  return fromFailureRecord({ name: name ?? 'Error', message: job.failedReason ?? 'unknown reason', code, stack, cause: undefined });
}

function brief(error: Error): NonNullable<JobStatus['error']> {
  const { code } = error as { readonly code?: unknown };
  return { name: error.name, message: error.message, code: typeof code === 'string' ? code : undefined };
}

export function toDate(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
