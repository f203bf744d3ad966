import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import type { Capability } from './capability.ts';
import { FOLLOWER_DELAY_MS, keyOption, REMEMBERED_MS, uniqueKey, type Uniqueness } from './uniqueness.ts';

/**
 * At most one job with a key at a time. Decided when a job is enqueued, in one atomic step with its add, and by what the engine knows of
 * the job that stands: a crash leaves no key behind.
 */
export interface UniqueOptions<Input> {
  /** Which jobs are one: a text made of the input. @defaultValue all jobs of the task */
  readonly key?: (input: Input) => string;
  /** Until when: the first start of the job that stands, its end (retries included), or `ttl` after its enqueue. @defaultValue 'finished' */
  readonly until?: 'started' | 'finished' | 'expired';
  /** For how long at the most; needed with `until: 'expired'`. @defaultValue 7 days */
  readonly ttl?: Duration;
  /**
   * What an enqueue does when a job stands. `skip`: gives its handle, with `created: false`. `reject`: throws NotUniqueError. `replace`: the
   * job that stands gets the new input while it waits for its first start, else as `skip`. `runAfter`: the same, and when it has
   * started, one more job is kept that starts when it has ended, with the input of the last enqueue.
   * @defaultValue 'skip'
   */
  readonly onConflict?: 'skip' | 'reject' | 'replace' | 'runAfter';
}

const CONFLICTS = { skip: 'keep', reject: 'keep', replace: 'replace', runAfter: 'after' } as const;

export const unique: Capability<UniqueOptions<never>, Uniqueness> = {
  option: 'unique',
  schema: z.strictObject({
    key: z.optional(keyOption),
    until: z.optional(z.enum(['started', 'finished', 'expired'])),
    ttl: z.optional(durationOption),
    onConflict: z.optional(z.enum(['skip', 'reject', 'replace', 'runAfter'])),
  }) as z.ZodMiniType<UniqueOptions<never>>,
  resolve: ({ key, until = 'finished', ttl, onConflict = 'skip' }, task) => {
    if (until === 'expired' && ttl === undefined)
      throw new OxbowError('invalid_options', `task "${task}": unique.until is 'expired', so it needs unique.ttl.`);
    if (onConflict === 'runAfter' && until !== 'finished')
      throw new OxbowError('invalid_options', `task "${task}": unique.onConflict is 'runAfter', so unique.until must be 'finished'.`);
    const ttlMs = ttl === undefined ? REMEMBERED_MS : parseDuration(ttl, `task "${task}": unique.ttl`);
    const rule = { until, ttlMs, conflict: CONFLICTS[onConflict], followerDelayMs: FOLLOWER_DELAY_MS };
    return { option: 'unique', key, rule, rejects: onConflict === 'reject', delayMs: undefined };
  },
  run: async ({ job, input, engine }, settings, next) => {
    if (settings.rule.conflict !== 'after') return next();
    const isNext = await engine.uniqueTurn(uniqueKey(job.name, settings, input), job);
    return isNext ? next() : { kind: 'put-back', delayMs: FOLLOWER_DELAY_MS, reason: 'unique' };
  },
  ended: ({ job, input, engine }, settings) =>
    settings.rule.until === 'expired' ? undefined : engine.leaveUnique(uniqueKey(job.name, settings, input), job),
};
