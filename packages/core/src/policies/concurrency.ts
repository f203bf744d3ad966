import * as z from 'zod/mini';
import { durationOption, type Duration } from '../task/duration.ts';
import type { Capability } from './capability.ts';
import { hold, resolveTtl } from './hold.ts';
import { storeKey } from './key.ts';
import { leaveLock } from './lock.ts';

/**
 * So many at a time of all jobs with the same key, of whatever task. The others wait in line without using an attempt or a slot of a
 * worker, and each that ends hands its place to the next: keys do not wait for each other.
 */
export interface ConcurrencyOptions<Input> {
  /** Of which jobs so many run at a time, a customer's for instance: a text of 1 to 1,024 characters, made of the input. */
  readonly key: (input: Input) => string;
  readonly limit: number;
  /** How long a place outlives a worker that dies; renewed each third of it. At least 50 ms. @defaultValue '30s' */
  readonly ttl?: Duration;
}

interface ConcurrencySettings {
  readonly key: (input: never) => string;
  readonly limit: number;
  readonly ttlMs: number;
}

const schema: z.ZodMiniType<ConcurrencyOptions<never>> = z.strictObject({
  key: z.custom<(input: never) => string>((value) => typeof value === 'function', 'must be a function of the input'),
  limit: z.int().check(z.gte(1), z.lte(1_000_000)),
  ttl: z.optional(durationOption),
}) as z.ZodMiniType<ConcurrencyOptions<never>>;

export const concurrency: Capability<ConcurrencyOptions<never>, ConcurrencySettings> = {
  option: 'concurrency',
  schema,
  resolve: ({ key, limit, ttl }, task) => ({ key, limit, ttlMs: resolveTtl(ttl, `task "${task}": concurrency.ttl`) }),
  run: async (call, { key, limit, ttlMs }, next) => {
    const name = key(call.input as never);
    let ran = false;
    const outcome = await hold(
      call,
      { key: storeKey('concurrency', name), name, ttlMs, slots: limit, waitMs: undefined, reason: 'concurrency' },
      () => {
        ran = true;
        return next();
      },
    );
    if (!ran) await leaveLock(call);
    return outcome;
  },
};
