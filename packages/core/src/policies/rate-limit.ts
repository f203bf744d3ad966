import * as z from 'zod/mini';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { OxbowError } from '../errors.ts';
import type { RateLimit } from '../store/rates.ts';
import { parseOptions } from '../task/options.ts';
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

interface RateLimitSettings extends RateLimit {
  readonly key: (input: never) => string;
}

/** A limit without the key that it is of: what it is changed to while workers run. */
export type RateLimitChange = Omit<RateLimitOptions<never>, 'key'>;

const count = z.int().check(z.gte(1), z.lte(1_000_000));
const rate = { limit: count, per: durationOption, burst: z.optional(count) };

const schema: z.ZodMiniType<RateLimitOptions<never>> = z.strictObject({
  key: z.custom<(input: never) => string>((value) => typeof value === 'function', 'must be a function of the input'),
  ...rate,
}) as z.ZodMiniType<RateLimitOptions<never>>;

const change: z.ZodMiniType<RateLimitChange> = z.strictObject(rate) as z.ZodMiniType<RateLimitChange>;

/** @throws OxbowError `invalid_options` */
export function parseRateLimitChange(given: unknown, what: string): RateLimit {
  return toLimit(parseOptions(change, given, what), what);
}

function toLimit({ limit, per, burst = limit }: RateLimitChange, option: string): RateLimit {
  const perMs = parseDuration(per, `${option}.per`);
  if (perMs < 1) throw new OxbowError('invalid_options', `${option}.per must be at least 1 ms.`);
  return { limit, perMs, burst };
}

export const rateLimit: Capability<RateLimitOptions<never>, RateLimitSettings> = {
  option: 'rateLimit',
  schema,
  resolve: ({ key, ...given }, task) => ({ key, ...toLimit(given, `task "${task}": rateLimit`) }),
  run: async (call, { key, ...limit }, next) => {
    const { job, input, stores } = call;
    const turn = `${ownerOf(job)}#${job.attemptsMade}`;
    const request = { key: storeKey('rate', key(input as never)), turn, task: call.task.name, ...limit };
    const delayMs = await stores.rates.take(request).catch(putBackWhenAway);
    if (delayMs === 0) return next();
    if (typeof delayMs === 'object') return delayMs;
    await leaveLock(call);
    return { kind: 'put-back', delayMs, reason: 'rate_limit' };
  },
};
