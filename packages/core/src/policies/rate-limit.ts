import { z } from 'zod';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { OxbowError } from '../errors.ts';
import type { Capability } from './capability.ts';
import { ownerOf } from './hold.ts';
import { storeKey } from './key.ts';
import { leaveLock } from './lock.ts';
import { putBackWhenAway } from './store-away.ts';

/**
 * How often attempts of jobs with the same key start, of whatever task. One that may not start yet is put back until a time that is its
 * own, without using an attempt or a slot of a worker.
 *
 * In any time as long as `per` start at most `limit` + `burst`, and in the long run `limit`. An attempt that is delivered again after a
 * crash, or had to wait for a lock, is counted once; a retry is another attempt.
 */
export interface RateLimitOptions<Input> {
  /** Of which jobs so many start: a text of 1 to 1,024 characters, made of the input. */
  readonly key: (input: Input) => string;
  readonly limit: number;
  /** At least 1 ms. */
  readonly per: Duration;
  /** How many may start at once after a pause. @defaultValue limit */
  readonly burst?: number;
}

interface RateLimitSettings {
  readonly key: (input: never) => string;
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number;
}

const count = z.int().min(1).max(1_000_000);

const schema: z.ZodType<RateLimitOptions<never>> = z.strictObject({
  key: z.custom<(input: never) => string>((value) => typeof value === 'function', 'must be a function of the input'),
  limit: count,
  per: durationOption,
  burst: count.optional(),
}) as z.ZodType<RateLimitOptions<never>>;

export const rateLimit: Capability<RateLimitOptions<never>, RateLimitSettings> = {
  option: 'rateLimit',
  schema,
  resolve: ({ key, limit, per, burst = limit }, task) => {
    const option = `task "${task}": rateLimit.per`;
    const perMs = parseDuration(per, option);
    if (perMs < 1) throw new OxbowError('invalid_options', `${option} must be at least 1 ms.`);
    return { key, limit, perMs, burst };
  },
  run: async (call, { key, ...rate }, next) => {
    const { job, input, stores } = call;
    const turn = `${ownerOf(job)}#${job.attemptsMade}`;
    const request = { key: storeKey('rate', key(input as never)), turn, ...rate };
    const delayMs = await stores.rates.take(request).catch(putBackWhenAway);
    if (delayMs === 0) return next();
    if (typeof delayMs === 'object') return delayMs;
    await leaveLock(call);
    return { kind: 'put-back', delayMs, reason: 'rate_limit' };
  },
};
