import { z } from 'zod';
import { OxbowError } from '../errors.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { parseOptions } from '../task/options.ts';

export interface RetryRequestOptions {
  /** Time to wait. @defaultValue the task's backoff */
  readonly delay?: Duration;
  /** Goes into the error that is kept when no attempt is left. */
  readonly reason?: string;
}

const retryRequest: z.ZodType<RetryRequestOptions> = z.strictObject({
  delay: durationOption.optional(),
  reason: z.string().optional(),
}) as z.ZodType<RetryRequestOptions>;

/** Thrown by `ctx.retry`. */
export class RetryRequest extends OxbowError {
  readonly delayMs: number | undefined;

  constructor(delayMs: number | undefined, reason: string) {
    super('retry_after', reason);
    this.delayMs = delayMs;
  }
}

/** @throws OxbowError `invalid_options` */
export function parseRetryRequest(options: RetryRequestOptions): RetryRequest {
  const { delay, reason = 'The handler asked for a retry.' } = parseOptions(retryRequest, options, 'ctx.retry()');
  return new RetryRequest(delay === undefined ? undefined : parseDuration(delay, 'ctx.retry(): delay'), reason);
}
