import { LeaseLostError, LockTakenError, OxbowError } from '../errors.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Lease, LeaseStore } from '../store/leases.ts';
import { parseDuration, type Duration } from '../task/duration.ts';
import type { CapabilityCall } from './capability.ts';
import type { Outcome } from './outcome.ts';
import { putBackWhenAway } from './store-away.ts';

export const DEFAULT_TTL_MS = 30_000;
/** Below it a lease would end in the pauses that every process makes. */
const LEAST_TTL_MS = 50;
const MAX_MARGIN_MS = 500;

/** What a job needs before it runs. */
export interface Wanted {
  /** As storeKey makes it. */
  readonly key: string;
  /** As the user made it. */
  readonly name: string;
  readonly ttlMs: number;
  readonly slots: number;
  /** How long it may wait in all; undefined: for ever. */
  readonly waitMs: number | undefined;
  readonly reason: 'lock' | 'concurrency';
}

/** @throws OxbowError `invalid_options` */
export function resolveTtl(ttl: Duration | undefined, option: string): number {
  const ttlMs = ttl === undefined ? DEFAULT_TTL_MS : parseDuration(ttl, option);
  if (ttlMs < LEAST_TTL_MS) throw new OxbowError('invalid_options', `${option} must be at least ${LEAST_TTL_MS} ms; it is ${ttlMs}.`);
  return ttlMs;
}

/** A delivery of a job takes over what an earlier one has left. */
export function ownerOf({ id, queue }: CapabilityCall['job']): string {
  return `${id}@${queue}`;
}

/**
 * Runs `next` while the job has a place; puts the job back when there is none.
 * @throws LockTakenError when it has waited for `waitMs`
 */
export async function hold(
  call: CapabilityCall,
  { key, name, ttlMs, slots, waitMs, reason }: Wanted,
  next: (fence: number) => Promise<Outcome>,
): Promise<Outcome> {
  const { signals, stores } = call;
  const { leases } = stores;
  const { id, queue } = call.job;
  const told = { lock: call.task.name, kind: reason } as const;
  const place = { key, owner: ownerOf(call.job), slots };
  const askedAt = performance.now();
  const wait = waitMs === 0 ? {} : { wait: { job: { id, queue }, forMs: waitMs } };
  const acquired = await leases.acquire({ ...place, ttlMs, ...wait }).catch(putBackWhenAway);
  if (acquired.kind === 'put-back') return acquired;
  if (acquired.kind === 'taken') {
    if (signals.wants('lock:refused')) signals.emit('lock:refused', { ...told, outcome: acquired.waiting ? 'waiting' : 'taken' });
    if (!acquired.waiting) throw new LockTakenError(name);
    call.waitsFor(place);
    crashpoint('place-refused-before-put-back');
    return { kind: 'put-back', delayMs: acquired.retryInMs, reason };
  }
  crashpoint('place-taken-before-run');
  const hasWaited = call.job.attemptsStarted > call.job.attemptsMade + 1;
  if (signals.wants('lock:acquired'))
    signals.emit('lock:acquired', { ...told, waitMs: hasWaited ? undefined : performance.now() - askedAt });
  const heldFrom = performance.now();
  const lease: Lease = { ...place, fence: acquired.fence };
  const lost = (): void => {
    if (signals.wants('lock:lost')) signals.emit('lock:lost', told);
    call.abort(new LeaseLostError(name));
  };
  const kept = keepLease(leases, lease, { ttlMs, askedAt, lost });
  try {
    return await next(lease.fence);
  } finally {
    crashpoint('place-used-before-release');
    await letGo(call, lease, kept);
    if (signals.wants('lock:released')) signals.emit('lock:released', { ...told, heldMs: performance.now() - heldFrom });
    crashpoint('place-released-before-end');
  }
}

/** What the attempt came to stands, whatever becomes of the release: the lease ends by itself. */
async function letGo({ stores, log }: CapabilityCall, lease: Lease, kept: KeptLease): Promise<void> {
  kept.stop();
  if (kept.isLost) return;
  try {
    await stores.leases.release(lease);
  } catch (error) {
    log.warn({ err: error, owner: lease.owner }, 'a place could not be released; it is free when its lease ends');
  }
}

export interface KeptLease {
  readonly isLost: boolean;
  /** Ends the renewals; `lost` is not called any more. */
  stop(): void;
}

interface Keeping {
  readonly ttlMs: number;
  /** By `performance.now()`, before it was asked for. */
  readonly askedAt: number;
  /** Called at most once, and before the lease can have ended: by the time that it was asked for, and with a margin. */
  readonly lost: () => void;
}

/**
 * Renews a lease each third of its time. A process that is stopped, or whose event loop is blocked, learns of the loss only when it
 * goes on: there the fence decides.
 */
export function keepLease(leases: LeaseStore, lease: Lease, { ttlMs, askedAt, lost }: Keeping): KeptLease {
  const marginMs = Math.min(ttlMs / 10, MAX_MARGIN_MS);
  let endsAt = askedAt + ttlMs - marginMs;
  let state: 'kept' | 'lost' | 'stopped' = 'kept';
  let renewing = false;
  const end = (as: 'lost' | 'stopped'): void => {
    if (state !== 'kept') return;
    state = as;
    clearInterval(renewal);
    clearTimeout(deadline);
    if (as === 'lost') lost();
  };
  const watch = (): void => {
    const leftMs = endsAt - performance.now();
    if (leftMs <= 0) end('lost');
    else deadline = setTimeout(watch, leftMs).unref();
  };
  const renew = async (): Promise<void> => {
    if (renewing) return;
    renewing = true;
    const asked = performance.now();
    // A store that is away may be back before the lease ends.
    const held = await leases.renew(lease, ttlMs).catch(() => undefined);
    renewing = false;
    if (held === true) endsAt = asked + ttlMs - marginMs;
    else if (held === false) end('lost');
  };
  const renewal = setInterval(() => void renew(), ttlMs / 3).unref();
  let deadline = setTimeout(watch, Math.max(0, endsAt - performance.now())).unref();
  return {
    get isLost() {
      return state === 'lost';
    },
    stop: () => end('stopped'),
  };
}
