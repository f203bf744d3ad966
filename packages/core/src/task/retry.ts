import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import { durationOption, MAX_DURATION_MS, parseDuration, type Duration } from './duration.ts';

/** An error class, or the `name` or `code` of errors. */
export type ErrorMatcher = string | (abstract new (...args: never) => Error);

export type Jitter = 'full' | 'equal' | 'none';

/** Delay before attempt `attempt + 1`, after attempt number `attempt` (from 1) failed with `error`. */
export type CustomBackoff = (attempt: number, error: Error) => Duration;

export interface BackoffOptions {
  /** `exponential` doubles with every attempt. @defaultValue 'exponential' */
  readonly type?: 'exponential' | 'fixed';
  /** First delay. @defaultValue '1s' */
  readonly delay?: Duration;
  /** Cap of every delay, before jitter. @defaultValue '5m' */
  readonly max?: Duration;
  /**
   * `full`: uniform in 0…delay. `equal`: uniform in delay/2…delay. `none`: the delay itself.
   * (Names and formulas: AWS, "Exponential Backoff And Jitter".) @defaultValue 'full'
   */
  readonly jitter?: Jitter;
}

export interface RetryOptions {
  /** Runs of the handler in all, 1–100; 1 is no retry. @defaultValue 3 when `retry` is given, else 1 */
  readonly attempts?: number;
  /** Options, or a function for a schedule of your own (no cap and no jitter are added to it). */
  readonly backoff?: BackoffOptions | CustomBackoff;
  /** Retry only these errors. @defaultValue every error */
  readonly on?: readonly ErrorMatcher[];
  /** Never retry these; stronger than `on`. */
  readonly never?: readonly ErrorMatcher[];
}

/** Resolved {@link RetryOptions}. */
export interface RetryPolicy {
  readonly attempts: number;
  /** Whole ms, jitter included. */
  readonly delayMs: (attempt: number, error: Error) => number;
  readonly retries: (error: Error) => boolean;
}

export const MAX_ATTEMPTS = 100;

const matcher = z.custom<ErrorMatcher>((value) => typeof value === 'string' || isClass(value), 'must be error classes, names or codes');

/** @internal */
export const retryOptions: z.ZodMiniType<RetryOptions> = z.strictObject({
  attempts: z.optional(z.int().check(z.gte(1), z.lte(MAX_ATTEMPTS))),
  backoff: z.optional(
    z.union([
      z.custom<CustomBackoff>((value) => typeof value === 'function', 'must be options or a function'),
      z.strictObject({
        type: z.optional(z.enum(['exponential', 'fixed'])),
        delay: z.optional(durationOption),
        max: z.optional(durationOption),
        jitter: z.optional(z.enum(['full', 'equal', 'none'])),
      }),
    ]),
  ),
  on: z.optional(z.array(matcher)),
  never: z.optional(z.array(matcher)),
}) as z.ZodMiniType<RetryOptions>;

/**
 * Thrown by a handler: retry, but not before `when` (a Date, or a duration from now), e.g. from a Retry-After header.
 * Uses an attempt; when none is left the failure is final.
 */
export class RetryAfterError extends OxbowError {
  readonly retryAt: number;

  constructor(when: Date | Duration, message = 'The handler asked for a later retry.', options?: { readonly cause?: unknown }) {
    super('retry_after', message, options);
    this.retryAt = when instanceof Date ? when.getTime() : Date.now() + parseDuration(when, 'RetryAfterError');
    if (!Number.isFinite(this.retryAt)) throw new OxbowError('invalid_options', 'RetryAfterError: the date is invalid.');
  }
}

/** `random` in [0, 1) is injected by tests. */
export function resolveRetry(options: RetryOptions | undefined, task: string, random: () => number = Math.random): RetryPolicy {
  return {
    attempts: options?.attempts ?? (options === undefined ? 1 : 3),
    delayMs: withRetryAfter(resolveBackoff(options?.backoff, task, random)),
    retries: (error) => !isFinal(error) && !matches(options?.never, error) && (options?.on === undefined || matches(options.on, error)),
  };
}

function resolveBackoff(backoff: RetryOptions['backoff'], task: string, random: () => number): RetryPolicy['delayMs'] {
  if (typeof backoff === 'function') return (attempt, error) => parseDuration(backoff(attempt, error), `task "${task}": retry.backoff()`);
  const first = parseDuration(backoff?.delay ?? '1s', `task "${task}": retry.backoff.delay`);
  const max = parseDuration(backoff?.max ?? '5m', `task "${task}": retry.backoff.max`);
  const growth = (backoff?.type ?? 'exponential') === 'exponential' ? 2 : 1;
  const jitter = backoff?.jitter ?? 'full';
  return (attempt) => jittered(Math.min(first * growth ** (attempt - 1), max), jitter, random);
}

function jittered(delayMs: number, jitter: Jitter, random: () => number): number {
  if (jitter === 'none') return Math.round(delayMs);
  const floor = jitter === 'equal' ? delayMs / 2 : 0;
  return Math.round(floor + random() * (delayMs - floor));
}

function withRetryAfter(delayMs: RetryPolicy['delayMs']): RetryPolicy['delayMs'] {
  return (attempt, error) => {
    const retryAt = retryAtOf(error);
    return retryAt === undefined ? delayMs(attempt, error) : Math.min(Math.max(0, retryAt - Date.now()), MAX_DURATION_MS);
  };
}

/** Of a RetryAfterError of any copy of this package. */
function retryAtOf(error: Error): number | undefined {
  if (!OxbowError.is(error) || error.code !== 'retry_after') return undefined;
  const { retryAt } = error as Partial<RetryAfterError>;
  return typeof retryAt === 'number' ? retryAt : undefined;
}

/** What `instanceof` takes: not an arrow function. */
function isClass(value: unknown): boolean {
  return typeof value === 'function' && typeof value.prototype === 'object';
}

/** Errors for which the same input gives the same failure again, whatever the task says. */
function isFinal(error: Error): boolean {
  return OxbowError.is(error) && FINAL_CODES.has(error.code);
}

const FINAL_CODES: ReadonlySet<string> = new Set([
  'non_retryable',
  'cancelled',
  'invalid_input',
  'invalid_output',
  'serialization',
  'payload_too_large',
  'result_too_large',
  'result_store_required',
  'result_gone',
  'deadlock',
  'invalid_canvas',
  'quorum',
  'invalid_key',
  'idempotency_mismatch',
]);

function matches(matchers: readonly ErrorMatcher[] | undefined, error: Error): boolean {
  return (
    matchers?.some((matcher) =>
      typeof matcher === 'string'
        ? error.name === matcher || (error as { readonly code?: unknown }).code === matcher
        : error instanceof matcher,
    ) ?? false
  );
}
