import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { parseOptions } from '../task/options.ts';

export interface RetryRequestOptions {
  /** Time to wait. @defaultValue the task's backoff */
  readonly delay?: Duration;
  /** Goes into the error that is kept when no attempt is left. */
  readonly reason?: string;
}

const retryRequest: z.ZodMiniType<RetryRequestOptions> = z.strictObject({
  delay: z.optional(durationOption),
  reason: z.optional(z.string()),
}) as z.ZodMiniType<RetryRequestOptions>;

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
