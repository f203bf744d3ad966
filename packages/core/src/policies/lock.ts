import * as z from 'zod/mini';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { settingsOf, type Capability, type CapabilityCall } from './capability.ts';
import { hold, ownerOf, resolveTtl } from './hold.ts';
import { storeKey } from './key.ts';

/**
 * One at a time of all jobs with the same key, of whatever task, and of all that `app.lock` gives. A delivery of a job that comes
 * after a crash takes the job's own lock over, with a higher fence.
 */
export interface LockOptions<Input> {
  /** Of which jobs one runs at a time: a text of 1 to 1,024 characters, made of the input. */
  readonly key: (input: Input) => string;
  /** How long the lock outlives a worker that dies; renewed each third of it. At least 50 ms. @defaultValue '30s' */
  readonly ttl?: Duration;
  /**
   * When another has it: wait in line without using an attempt or a slot, for ever or for so long; then, or at once, the attempt fails
   * with a LockTakenError. @defaultValue 'requeue'
   */
  readonly wait?: 'requeue' | 'fail' | Duration;
}

interface LockSettings {
  readonly key: (input: never) => string;
  readonly ttlMs: number;
  readonly waitMs: number | undefined;
}

const schema: z.ZodMiniType<LockOptions<never>> = z.strictObject({
  key: z.custom<(input: never) => string>((value) => typeof value === 'function', 'must be a function of the input'),
  ttl: z.optional(durationOption),
  wait: z.optional(z.union([durationOption, z.enum(['requeue', 'fail'])])),
}) as z.ZodMiniType<LockOptions<never>>;

/** How the store knows a lock: jobs and `app.lock` take the same ones. */
export function lockKey(name: string): string {
  return storeKey('lock', name);
}

export const lock: Capability<LockOptions<never>, LockSettings> = {
  option: 'lock',
  schema,
  resolve: ({ key, ttl, wait }, task) => ({
    key,
    ttlMs: resolveTtl(ttl, `task "${task}": lock.ttl`),
    waitMs: wait === undefined || wait === 'requeue' ? undefined : wait === 'fail' ? 0 : parseDuration(wait, `task "${task}": lock.wait`),
  }),
  run: (call, { key, ttlMs, waitMs }, next) => {
    const name = key(call.input as never);
    return hold(call, { key: lockKey(name), name, ttlMs, slots: 1, waitMs, reason: 'lock' }, (fence) => {
      call.setFence(fence);
      return next();
    });
  },
};

/** To be called when the job is put back outside its lock: what was handed to it meanwhile goes on to the next. */
export async function leaveLock({ task, job, input, stores, log }: CapabilityCall): Promise<void> {
  const settings = settingsOf(task, lock);
  // One that has not been put back yet has asked for nothing.
  if (settings === undefined || job.attemptsStarted - job.attemptsMade < 2) return;
  const place = { key: lockKey(settings.key(input as never)), owner: ownerOf(job) };
  await stores.leases.leave(place).catch((error: unknown) => log.debug({ err: error }, 'a lock that was handed over ends by itself'));
}
