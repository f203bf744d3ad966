import * as z from 'zod/mini';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import type { Capability } from './capability.ts';
import { FOLLOWER_DELAY_MS, keyOption, type Uniqueness } from './uniqueness.ts';

/** The first enqueue with a key adds a job, and others do not until the time is over: they get its handle, with `created: false`. */
export interface ThrottleOptions<Input> {
  /** A text made of the input. @defaultValue all jobs of the task have one key */
  readonly key?: (input: Input) => string;
  /** One job in this time, counted from its enqueue. */
  readonly per: Duration;
}

export const throttle: Capability<ThrottleOptions<never>, Uniqueness> = {
  option: 'throttle',
  schema: z.strictObject({ key: z.optional(keyOption), per: durationOption }) as z.ZodMiniType<ThrottleOptions<never>>,
  resolve: ({ key, per }, task) => ({
    option: 'throttle',
    key,
    rule: {
      until: 'expired',
      ttlMs: parseDuration(per, `task "${task}": throttle.per`),
      conflict: 'keep',
      followerDelayMs: FOLLOWER_DELAY_MS,
    },
    rejects: false,
    delayMs: undefined,
  }),
};
