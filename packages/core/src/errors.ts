/**
 * The one error table. Every error that Oxbow throws is an {@link OxbowError} with a stable `code`; a class exists only
 * where a caller decides by it. docs/errors.md lists the same codes (checked by errors.test.ts).
 */

/** Code → what it means and what to do. Codes are stable: they are stored in jobs and matched by callers. */
export const errorCodes = {
  invalid_options: 'An option is unknown, of the wrong type or out of range. The message names it.',
  invalid_name: 'A name of an app, task or queue is not 1–128 characters of A–Z a–z 0–9 . _ -',
  invalid_input: 'The input does not fit the task’s schema. `issues` lists the paths.',
  invalid_output: 'What the handler returned does not fit the task’s output schema.',
  serialization: 'A value holds something that JSON cannot carry. `path` says where.',
  payload_too_large: 'The input is over the size, depth or key limit of the app (`limits`).',
  result_too_large: 'The result is over `maxResultBytes`, and the app has no result store.',
  result_store_required: 'The result is, or is to be, in a result store, and the app has none.',
  result_store_failed: 'The result store refused: it is away, out of space, or does not let us in. Nothing was half written.',
  result_gone: 'The stored result is no more: it has expired, or was deleted.',
  result_corrupt: 'The stored result is not what was written.',
  duplicate_task: 'Two tasks have one name.',
  unknown_task: 'No worker knows the task: deploy one, or remove the job.',
  unknown_worker: 'No running worker has the id, or serves the queue. Nobody was told anything.',
  newer_envelope: 'The job was written by a newer Oxbow: upgrade the workers.',
  malformed: 'The job carries Oxbow’s marker but cannot be read.',
  unknown_queue: 'A route leads to a queue that the app, or the router, does not declare.',
  unknown_job: 'No such job: the id is wrong, or retention has removed it.',
  result_expired: 'The job has succeeded, and the `resultTtl` of its task is over: it is gone.',
  still_running: 'What is to be forgotten has not ended: cancel it, or wait. Nothing was removed.',
  not_published: 'The step has no job yet: those before it have not ended.',
  invalid_canvas: 'Signatures do not make a canvas that can run. The message names the part and says why.',
  quorum: 'Fewer members of the group have succeeded than its quorum.',
  run_over: 'The run has ended: nothing can be added to it.',
  invalid_transaction:
    '`tx` is no open transaction of the engine’s database, or app.transaction() could not commit. The message says which.',
  transaction_unsupported: 'The engine or the call cannot take part in a transaction. Nothing was sent.',
  engine_unavailable: 'The engine cannot be reached. Check the URL and the server; the call may be repeated.',
  engine_refused: 'The server takes no writes for now: it is out of memory or disk, or has too few replicas. Nothing was stored.',
  engine_unsupported: 'The server cannot do what Oxbow needs. The message says what.',
  engine_in_use: 'Another process has the embedded directory open. Stop it, or use a server URL.',
  missing_dependency: 'An optional package is not installed. The message has the command.',
  invalid_url: 'The URL does not name an engine.',
  url_required: 'NODE_ENV is production and neither `url` nor OXBOW_URL is set.',
  startup_failed: 'The `startup` of a worker, or of an isolated task, threw; `cause` is its error.',
  startup_timeout: 'The `startup` of a worker, or of an isolated task, did not end in time.',
  background_full: 'app.background() has as many calls as may run and wait. This one was not run.',
  closed: 'The app or worker has been closed.',
  deadlock: 'A task waited for another job’s result. Use a chain or a link.',
  result_timeout: 'The result did not come within `timeout`. The job goes on.',
  task_failed: 'The job has finally failed; `cause` is the task’s own error.',
  retry_after: 'The handler asked for a retry at a later time.',
  non_retryable: 'The handler said that no retry would help.',
  too_many_crashes: 'The job has crashed its worker `maxCrashes` times.',
  lost_worker: 'Its worker was lost while it ran, and its task says that no job is started twice.',
  too_often_blocked: 'The job has blocked its worker for longer than `maxBlocked`, `maxCrashes` times.',
  in_a_run: 'The job belongs to a run, which is tried again, or forgotten, as a whole.',
  expired: 'The job was not started before it expired.',
  cancelled: 'The job was cancelled.',
  shutdown: 'The worker is shutting down; the job goes back to its queue.',
  lock_lost: 'The job’s lock was lost: another worker may run it.',
  invalid_key: 'A key function gave no text, an empty one, or one that is too long.',
  not_unique: 'A job with the same key stands, and `unique.onConflict` is `reject`.',
  lock_taken: 'Another job, or somebody else, holds the lock.',
  lease_lost: 'A lock was lost while it was needed: somebody else may hold it.',
  idempotency_mismatch: 'The idempotency key stands for another input.',
  soft_time_limit: 'The attempt has run for `timeout.soft`.',
  hard_time_limit: 'The attempt has run for `timeout.hard`; it was ended.',
  heartbeat_timeout: 'The handler has not called `ctx.heartbeat` for `heartbeat.timeout`; the attempt was ended.',
  isolated_task_died: 'The process or thread of an isolated task ended, or could not be started.',
  isolated: 'An isolated task has no engine: only what it does through `ctx` reaches it.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

const BRAND = Symbol.for('oxbow.error');

export interface OxbowErrorOptions {
  readonly cause?: unknown;
}

/** Root of every error that Oxbow throws. `code` is stable, `message` is not. */
export class OxbowError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: OxbowErrorOptions) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  override get name(): string {
    return this.constructor.name;
  }

  /** True for errors of any copy of this package, unlike `instanceof`. */
  static is(error: unknown): error is OxbowError {
    return typeof error === 'object' && error !== null && BRAND in error;
  }
}

/** One thing wrong with a value, as Standard Schema reports it. */
export interface Issue {
  readonly message: string;
  /** Dotted; empty for the value itself. */
  readonly path: string;
}

/** The input does not fit the task's schema. Never retried. */
export class InvalidInputError extends OxbowError {
  readonly issues: readonly Issue[];

  constructor(task: string, issues: readonly Issue[], code: 'invalid_input' | 'invalid_output' = 'invalid_input') {
    const list = issues.map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`)).join('; ');
    super(code, `${code === 'invalid_input' ? 'Input' : 'Output'} of task "${task}" is invalid: ${list}`);
    this.issues = issues;
  }
}

/** A value that JSON cannot carry, or that is over a limit. `path` is dotted, e.g. `input.items.3.at`. */
export class SerializationError extends OxbowError {
  readonly path: string;

  constructor(path: string, what: string, code: 'serialization' | 'payload_too_large' = 'serialization') {
    super(code, `${path} ${what}`);
    this.path = path;
  }
}

/** Signatures do not make a canvas that can run; nothing was enqueued. `path` says where: `steps.1.members.0`; empty for the canvas itself. */
export class InvalidCanvasError extends OxbowError {
  readonly path: string;

  constructor(path: string, what: string) {
    super('invalid_canvas', path === '' ? what : `${path}: ${what}`);
    this.path = path;
  }
}

/** Fewer members of a group have succeeded than its quorum. Never retried. */
export class QuorumError extends OxbowError {
  readonly quorum: number;
  readonly succeeded: number;

  constructor({ quorum, succeeded, members }: { readonly quorum: number; readonly succeeded: number; readonly members: number }) {
    super('quorum', `${succeeded} of ${members} members of the group have succeeded; its quorum is ${quorum}.`);
    this.quorum = quorum;
    this.succeeded = succeeded;
  }
}

/** The result is over `maxResultBytes`, and there is no result store; a step's is never stored there. Never retried, never truncated. */
export class ResultTooLargeError extends OxbowError {
  /** @param step - of `ctx.once`, when it is a step's. */
  constructor(task: string, bytes: number, limit: number, step?: string) {
    super(
      'result_too_large',
      `The result of ${step === undefined ? '' : `step "${step}" of `}task "${task}" has ${bytes} bytes; the limit is ${limit}. ${step === undefined ? 'Give createApp a result store (`results`), or store' : 'Store'} it elsewhere and return a reference.`,
    );
  }
}

/** The server cannot be reached, or went away and stayed away for `connectTimeout`. An enqueue that was rejected so may have been carried out. */
export class EngineUnavailableError extends OxbowError {
  constructor(label: string, timeoutMs: number, options?: OxbowErrorOptions) {
    super(
      'engine_unavailable',
      `${label} could not be reached within ${timeoutMs} ms. Check that the server runs and that the URL is right.`,
      options,
    );
  }
}

/** A task waited for another job's result while holding a worker slot. */
export class DeadlockError extends OxbowError {
  /** @param who - the task, as a sentence begins. */
  constructor(who: string) {
    super(
      'deadlock',
      `${who} waits for the result of another job inside its handler, which can starve every worker. Enqueue what follows as a chain, or with link, instead.`,
    );
  }
}

/** `result()` waited for its `timeout`. The job goes on. */
export class ResultTimeoutError extends OxbowError {
  constructor(id: string, timeoutMs: number) {
    super('result_timeout', `Job ${id} has not finished within ${timeoutMs} ms. It goes on; ask again, or watch it with changes().`);
  }
}

/** The job has finally failed. `cause` has the original name, message, stack and `code`. */
export class TaskFailedError extends OxbowError {
  readonly jobId: string;
  readonly task: string;

  constructor(jobId: string, task: string, cause: Error, code: 'task_failed' | 'cancelled' | 'expired' = 'task_failed') {
    super(code, `Job ${jobId} of task "${task}" ${code === 'task_failed' ? 'failed' : `was ${code}`}: ${cause.message}`, { cause });
    this.jobId = jobId;
    this.task = task;
  }
}

/** Thrown by a handler: this failure is final, whatever `retry` says. */
export class NonRetryableError extends OxbowError {
  constructor(message: string, options?: OxbowErrorOptions) {
    super('non_retryable', message, options);
  }
}

/** Thrown by a handler: this job ends as cancelled, which is not a failure. */
export class CancelledError extends OxbowError {
  constructor(message = 'cancelled by its handler', options?: OxbowErrorOptions) {
    super('cancelled', message, options);
  }
}

/** The reason of `ctx.signal` at the soft deadline of a drain. A handler that rejects with it is put back, no attempt used. */
export class ShutdownError extends OxbowError {
  constructor() {
    super('shutdown', 'The worker is shutting down. The job goes back to its queue without using an attempt.');
  }
}

/** The reason of `ctx.signal` when the job's lock is gone: another worker may run it. */
export class LockLostError extends OxbowError {
  constructor(jobId: string) {
    super('lock_lost', `The lock of job ${jobId} was lost: another worker may run it.`);
  }
}

/** Somebody else holds the lock, and the task, or the call, does not wait for it. */
export class LockTakenError extends OxbowError {
  constructor(key: string) {
    super('lock_taken', `The lock "${key}" is held by another.`);
  }
}

/** The reason of `ctx.signal` when a lock that the task asked for has ended: somebody else may hold it. */
export class LeaseLostError extends OxbowError {
  constructor(key: string) {
    super('lease_lost', `The lock "${key}" was lost: it could not be renewed in time.`);
  }
}

/** A job with the same key stands, and the task's `unique.onConflict` is `reject`. Nothing was added. */
export class NotUniqueError extends OxbowError {
  /** Public id of the job that stands. */
  readonly jobId: string;

  constructor(task: string, jobId: string) {
    super('not_unique', `A job of task "${task}" with the same key stands: ${jobId}.`);
    this.jobId = jobId;
  }
}

/** The idempotency key stands for another input. Nothing was enqueued; of a job that is part of a run: never retried. */
export class IdempotencyMismatchError extends OxbowError {
  /** Public id of the job that has the key. */
  readonly jobId: string;

  constructor(task: string, jobId: string) {
    super(
      'idempotency_mismatch',
      `Task "${task}": the idempotency key of this input stands for another input, that of job ${jobId}. Use a key of its own.`,
    );
    this.jobId = jobId;
  }
}

/** The reason of `ctx.signal` at the soft limit of a task (`timeout.soft`). What the handler returns then counts; what it throws is an error like any other. */
export class SoftTimeLimitError extends OxbowError {
  readonly limitMs: number;

  constructor(task: string, limitMs: number) {
    super('soft_time_limit', `Task "${task}" has run for its soft time limit of ${limitMs} ms.`);
    this.limitMs = limitMs;
  }
}

/** What an attempt fails with at the hard limit of its task (`timeout`, `timeout.hard`). Retried as any error. */
export class HardTimeLimitError extends OxbowError {
  readonly limitMs: number;

  constructor(task: string, limitMs: number) {
    super('hard_time_limit', `Task "${task}" has run for its hard time limit of ${limitMs} ms; the attempt was ended.`);
    this.limitMs = limitMs;
  }
}

/** What an attempt fails with that has not called `ctx.heartbeat` for `heartbeat.timeout`. Retried as any error. */
export class HeartbeatTimeoutError extends OxbowError {
  readonly timeoutMs: number;

  constructor(task: string, timeoutMs: number) {
    super('heartbeat_timeout', `Task "${task}" has not called ctx.heartbeat() for ${timeoutMs} ms; the attempt was ended.`);
    this.timeoutMs = timeoutMs;
  }
}

/** What an attempt of an isolated task fails with whose process or thread has ended, or could not be started. Retried as any error. */
export class IsolatedTaskDiedError extends OxbowError {
  /** Exit code, where it was one. */
  readonly exitCode: number | undefined;
  /** The signal that ended it, as `SIGKILL`. */
  readonly signal: string | undefined;

  constructor(
    what: string,
    { exitCode, signal, cause }: { readonly exitCode?: number | undefined; readonly signal?: string | undefined; readonly cause?: unknown },
  ) {
    super('isolated_task_died', what, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
    this.signal = signal;
  }
}
