import * as z from 'zod/mini';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import type { Capability } from './capability.ts';
import { FOLLOWER_DELAY_MS, keyOption, REMEMBERED_MS, uniqueKey, type Uniqueness } from './uniqueness.ts';

/** A job starts when nobody has enqueued one with its key for a while, with the input of the last enqueue. */
export interface DebounceOptions<Input> {
  /** A text made of the input. @defaultValue all jobs of the task have one key */
  readonly key?: (input: Input) => string;
  /** How long nobody must have asked; each enqueue begins it anew. */
  readonly delay: Duration;
  /** It starts after this at the latest, counted from the first enqueue. @defaultValue it may be put off for ever */
  readonly maxDelay?: Duration;
}

export const debounce: Capability<DebounceOptions<never>, Uniqueness> = {
  option: 'debounce',
  schema: z.strictObject({
    key: z.optional(keyOption),
    delay: durationOption,
    maxDelay: z.optional(durationOption),
  }) as z.ZodMiniType<DebounceOptions<never>>,
  resolve: ({ key, delay, maxDelay }, task) => {
    const delayMs = parseDuration(delay, `task "${task}": debounce.delay`);
    const most = maxDelay === undefined ? {} : { maxDelayMs: parseDuration(maxDelay, `task "${task}": debounce.maxDelay`) };
    const rule = { until: 'started', ttlMs: REMEMBERED_MS, conflict: 'replace', followerDelayMs: FOLLOWER_DELAY_MS, ...most } as const;
    return { option: 'debounce', key, rule, rejects: false, delayMs };
  },
  ended: ({ job, input, engine }, settings) => engine.leaveUnique(uniqueKey(job.name, settings, input), job),
};
