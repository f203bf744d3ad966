import { z } from 'zod';
import { LeaseLostError, LockTakenError } from '../errors.ts';
import type { Lease, LeaseStore } from '../store/leases.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import type { Capability } from './capability.ts';
import { storeKey } from './key.ts';

/** One attempt at a time of all jobs with the same key, of whatever task. */
export interface LockOptions<Input> {
  /** Of which jobs one runs at a time: a short text made of the input. */
  readonly key: (input: Input) => string;
  /** How long the lock outlives a worker that dies; renewed each third of it. @defaultValue '30s' */
  readonly ttl?: Duration;
  /** When another job has it: come back when it may be free, without using an attempt or a slot; or fail the attempt. @defaultValue 'requeue' */
  readonly wait?: 'requeue' | 'fail';
}

interface LockSettings {
  readonly key: (input: never) => string;
  readonly ttlMs: number;
  readonly wait: 'requeue' | 'fail';
}

const DEFAULT_TTL_MS = 30_000;

const schema: z.ZodType<LockOptions<never>> = z.strictObject({
  key: z.custom<(input: never) => string>((value) => typeof value === 'function', 'must be a function of the input'),
  ttl: durationOption.optional(),
  wait: z.enum(['requeue', 'fail']).optional(),
}) as z.ZodType<LockOptions<never>>;

export const lock: Capability<LockOptions<never>, LockSettings> = {
  option: 'lock',
  schema,
  resolve: ({ key, ttl, wait = 'requeue' }, task) => ({
    key,
    ttlMs: ttl === undefined ? DEFAULT_TTL_MS : parseDuration(ttl, `task "${task}": lock.ttl`),
    wait,
  }),
  run: async ({ job, input, stores, abort, setFence }, { key: keyOf, ttlMs, wait }, next) => {
    const name = keyOf(input as never);
    const key = storeKey('lock', name);
    // A redelivered job takes its own lock over.
    const owner = `${job.id}@${job.queue}`;
    const acquired = await stores.leases.acquire({ key, owner, ttlMs });
    if (acquired.kind === 'taken') {
      if (wait === 'fail') throw new LockTakenError(name);
      return { kind: 'put-back', delayMs: acquired.endsInMs, reason: 'lock' };
    }
    const lease: Lease = { key, owner, fence: acquired.fence };
    setFence(lease.fence);
    const stop = keep(stores.leases, lease, ttlMs, () => abort(new LeaseLostError(name)));
    try {
      return await next();
    } finally {
      stop();
      await stores.leases.release(lease);
    }
  },
};

/** Renews the lease each third of its time until it is stopped; `lost` is called at most once. */
function keep(leases: LeaseStore, lease: Lease, ttlMs: number, lost: () => void): () => void {
  let endsAt = performance.now() + ttlMs;
  const timer = setInterval(() => {
    const asked = performance.now();
    leases.renew(lease, ttlMs).then(
      (held) => {
        if (held) endsAt = asked + ttlMs;
        else end();
      },
      () => {
        if (performance.now() >= endsAt) end();
      },
    );
  }, ttlMs / 3);
  const end = (): void => {
    clearInterval(timer);
    lost();
  };
  return () => clearInterval(timer);
}
