import { describe, expect, it } from 'vitest';
import { SignalBus } from '../signals.ts';
import type { Acquired, LeaseStore } from '../store/leases.ts';
import { until } from '../testing/until.ts';
import { silent } from '../testing/with-app.ts';
import type { CapabilityCall } from './capability.ts';
import { hold, keepLease } from './hold.ts';
import type { Outcome } from './outcome.ts';

const LEASE = { key: 'k', owner: 'o', fence: 7 };

/** A store that is away, except for what is given. */
function store(given: Partial<LeaseStore>): LeaseStore {
  const away = (): Promise<never> => Promise.reject(new Error('the store is away'));
  return { acquire: away, renew: away, release: away, leave: away, park: away, ...given };
}

function call(leases: LeaseStore, aborted: Error[] = []): CapabilityCall {
  return {
    job: { id: 'j', queue: 'q' } as CapabilityCall['job'],
    task: { name: 'task', capabilities: {} },
    input: null,
    engine: {} as CapabilityCall['engine'],
    stores: { leases } as CapabilityCall['stores'],
    log: silent,
    signals: new SignalBus(silent),
    abort: (reason) => void aborted.push(reason),
    setFence: () => undefined,
    waitsFor: () => undefined,
  };
}

const WANTED = { key: 'k', name: 'k', slots: 1, waitMs: undefined, reason: 'lock' } as const;
const held = (): Promise<Acquired> => Promise.resolve({ kind: 'held', fence: 7 });
const done: Outcome = { kind: 'succeeded', value: 'done' };

describe('a kept lease', () => {
  const never = (): Promise<boolean> => new Promise(() => undefined);

  it.each([
    ['does not answer', never],
    ['is away', () => Promise.reject(new Error('away'))],
  ])('is given up before it can have ended when the store %s', async (_, renew) => {
    const askedAt = performance.now();
    let lostAt = 0;
    const kept = keepLease(store({ renew }), LEASE, { ttlMs: 2000, askedAt: askedAt - 1600, lost: () => (lostAt = performance.now()) });
    await until('it is lost', () => kept.isLost);
    // It was asked for 1.6 s before, and 0.2 s are the margin.
    expect(lostAt - askedAt).toBeGreaterThan(150);
    expect(lostAt - askedAt).toBeLessThan(1600);
  });

  it('is given up at once when somebody took it over, and says so once', async () => {
    let lost = 0;
    const renew = (): Promise<boolean> => Promise.resolve(false);
    const kept = keepLease(store({ renew }), LEASE, { ttlMs: 300, askedAt: performance.now(), lost: () => lost++ });
    await until('it is lost', () => kept.isLost);
    kept.stop();
    expect(lost).toBe(1);
  });

  it('is kept for as long as it is renewed, and renewed no more when it is stopped', async () => {
    let renewals = 0;
    const renew = (): Promise<boolean> => Promise.resolve(++renewals > 0);
    const kept = keepLease(store({ renew }), LEASE, {
      ttlMs: 900,
      askedAt: performance.now(),
      lost: () => expect.unreachable(),
    });
    await until('it is renewed', () => renewals === 4);
    kept.stop();
    expect(kept.isLost).toBe(false);
  });
});

describe('a job that has its place', () => {
  it('has succeeded when it has, though its place could not be released', async () => {
    expect(await hold(call(store({ acquire: held })), { ...WANTED, ttlMs: 60_000 }, () => Promise.resolve(done))).toBe(done);
  });

  it('fails with its own error, though its place could not be released', async () => {
    const failing = hold(call(store({ acquire: held })), { ...WANTED, ttlMs: 60_000 }, () => Promise.reject(new RangeError('its own')));
    await expect(failing).rejects.toThrow('its own');
  });

  it('is told when it has lost it, and then releases nothing', async () => {
    const aborted: Error[] = [];
    let released = 0;
    const leases = store({ acquire: held, renew: () => Promise.resolve(false), release: () => Promise.resolve(++released > 0) });
    await hold(call(leases, aborted), { ...WANTED, ttlMs: 150 }, async () => {
      await until('it is told', () => aborted.length > 0);
      return done;
    });
    expect(aborted).toMatchObject([{ code: 'lease_lost' }]);
    expect(released).toBe(0);
  });
});
