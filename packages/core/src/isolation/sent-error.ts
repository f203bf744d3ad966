import {
  CancelledError,
  DeadlockError,
  errorCodes,
  HardTimeLimitError,
  HeartbeatTimeoutError,
  InvalidCanvasError,
  InvalidInputError,
  LockLostError,
  NonRetryableError,
  OxbowError,
  ResultTooLargeError,
  SerializationError,
  ShutdownError,
  SoftTimeLimitError,
  type ErrorCode,
} from '../errors.ts';
import { fromFailureRecord, toFailureRecord } from '../execution/failure.ts';
import type { FailureRecord } from '../task/envelope.ts';
import { RetryAfterError } from '../task/retry.ts';

/** An error between a worker and its child. */
export interface SentError {
  readonly record: FailureRecord;
  /** Of an OxbowError: what it has besides its code. */
  readonly oxbow: Readonly<Record<string, unknown>> | undefined;
}

const CLASSES: { readonly [Code in ErrorCode]?: { readonly prototype: OxbowError } } = {
  cancelled: CancelledError,
  deadlock: DeadlockError,
  hard_time_limit: HardTimeLimitError,
  heartbeat_timeout: HeartbeatTimeoutError,
  invalid_canvas: InvalidCanvasError,
  invalid_input: InvalidInputError,
  invalid_output: InvalidInputError,
  lock_lost: LockLostError,
  non_retryable: NonRetryableError,
  payload_too_large: SerializationError,
  result_too_large: ResultTooLargeError,
  retry_after: RetryAfterError,
  serialization: SerializationError,
  shutdown: ShutdownError,
  soft_time_limit: SoftTimeLimitError,
};

export function toSentError(error: Error): SentError {
  const record = toFailureRecord(error);
  if (!OxbowError.is(error)) return { record, oxbow: undefined };
  const { code: _, cause: _cause, ...fields } = error as OxbowError & Readonly<Record<string, unknown>>;
  return { record, oxbow: JSON.parse(JSON.stringify(fields)) as Readonly<Record<string, unknown>> };
}

/** Errors of Oxbow are of their classes again, all others as the engine would give them back. */
export function fromSentError({ record, oxbow }: SentError): Error {
  const error = fromFailureRecord(record);
  const { code } = record;
  if (oxbow === undefined || code === undefined || !Object.hasOwn(errorCodes, code)) return error;
  const revived = new OxbowError(code as ErrorCode, error.message, error.cause === undefined ? undefined : { cause: error.cause });
  Object.setPrototypeOf(revived, (CLASSES[code as ErrorCode] ?? OxbowError).prototype);
  if (error.stack !== undefined) revived.stack = error.stack;
  return Object.assign(revived, oxbow);
}
