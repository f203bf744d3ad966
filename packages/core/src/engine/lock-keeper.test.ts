import { beforeEach, describe, expect, it } from 'vitest';
import type { GuardedLane } from './lock-access.ts';
import { LockKeeper } from './lock-keeper.ts';

const LOCK_MS = 3000;
const MAX_BLOCKED_MS = 60_000;
const access: GuardedLane['access'] = {
  kind: 'redis',
  prefix: 'q',
  stores: 's',
  target: { app: 'a', url: 'redis://x', connectTimeoutMs: 1, tls: undefined },
};

let now = 0;
let beat = 0;
let renewals: { readonly at: number; readonly queue: string; readonly owners: readonly string[] }[] = [];
let troubles: string[] = [];
let givenUp: string[] = [];
let rests = 0;
let failing = false;
let keeper: LockKeeper;

const lane = (id: number, queue = 'work'): GuardedLane => ({
  id,
  access,
  queue,
  owner: `worker-${id}:`,
  lockDurationMs: LOCK_MS,
  maxBlockedMs: MAX_BLOCKED_MS,
  extending: new Int32Array(new SharedArrayBuffer(4)),
});

async function pass(ms: number, { beating = false } = {}): Promise<void> {
  for (const end = now + ms; now < end;) {
    now += 100;
    if (beating) beat++;
    await keeper.tick();
  }
}

beforeEach(async () => {
  [now, beat, renewals, troubles, givenUp, rests, failing] = [0, 0, [], [], [], 0, false];
  keeper = new LockKeeper({
    now: () => now,
    beat: () => beat,
    open: () =>
      Promise.resolve({
        renew: (queue, owners) => {
          if (failing) return Promise.reject(new Error('no connection'));
          renewals.push({ at: now, queue, owners });
          return Promise.resolve();
        },
        giveUp: (queue, owners) => Promise.resolve([{ id: `${owners.join()}j@${queue}`, task: 'block' }]),
        rest: () => void rests++,
      }),
    within: (_, promise) => promise,
    onTrouble: (_, error) => troubles.push(error.message),
    onGivenUp: ({ queue }, _, jobs) => givenUp.push(queue, ...jobs.map(({ id }) => id)),
  });
  await keeper.tick();
});

describe('the keeper of locks', () => {
  it('does nothing while the main thread gives signs of life', async () => {
    keeper.guard(lane(1));
    await pass(30_000, { beating: true });
    expect(renewals).toEqual([]);
  });

  it('takes over before a quarter of the lock has passed, and goes on three times a lock', async () => {
    keeper.guard(lane(1));
    await pass(1000, { beating: true });
    await pass(LOCK_MS * 2);
    expect((renewals[0]?.at ?? 0) - 1000).toBeLessThan(LOCK_MS / 4);
    for (const [i, { at }] of renewals.entries()) if (i > 0) expect(at - (renewals[i - 1]?.at ?? 0)).toBe(LOCK_MS / 3);
    const before = renewals.length;
    await pass(5000, { beating: true });
    expect(renewals).toHaveLength(before);
  });

  it('renews for the lanes of one queue in one call', async () => {
    for (const one of [lane(1), lane(2), lane(3, 'other')]) keeper.guard(one);
    await pass(LOCK_MS / 3);
    expect(renewals.map(({ queue, owners }) => ({ queue, owners }))).toEqual([
      { queue: 'work', owners: ['worker-1:', 'worker-2:'] },
      { queue: 'other', owners: ['worker-3:'] },
    ]);
  });

  it('renews when the renewal of a main thread that is alive gets no answer', async () => {
    const one = lane(1);
    keeper.guard(one);
    await pass(1000, { beating: true });
    Atomics.add(one.extending, 0, 1);
    await pass(1000, { beating: true });
    expect(renewals).toHaveLength(1);
    Atomics.add(one.extending, 0, 1);
    await pass(10_000, { beating: true });
    expect(renewals).toHaveLength(1);
  });

  it('gives a main thread up that is silent for too long, once, and takes it back', async () => {
    keeper.guard(lane(1));
    await pass(MAX_BLOCKED_MS + LOCK_MS);
    expect(givenUp).toEqual(['work', 'worker-1:j@work']);
    const last = renewals.at(-1)?.at ?? 0;
    expect(last).toBeGreaterThan(MAX_BLOCKED_MS - LOCK_MS);
    expect(last).toBeLessThanOrEqual(MAX_BLOCKED_MS);
    const before = renewals.length;
    await pass(1000, { beating: true });
    await pass(LOCK_MS);
    expect(renewals.length).toBeGreaterThan(before);
  });

  it('tells of a connection that fails once, tries a new one at every look, and tells again after it has worked', async () => {
    keeper.guard(lane(1));
    failing = true;
    await pass(2000);
    expect(troubles).toEqual(['no connection']);
    expect(rests).toBeGreaterThan(5);
    failing = false;
    await pass(2000);
    expect(renewals.length).toBeGreaterThan(0);
    failing = true;
    await pass(2000);
    expect(troubles).toHaveLength(2);
  });

  it('drops a connection that was not needed for a while', async () => {
    keeper.guard(lane(1));
    await pass(1000);
    expect(rests).toBe(0);
    await pass(60_000, { beating: true });
    expect(rests).toBe(1);
  });

  it('forgets a lane that is released', async () => {
    keeper.guard(lane(1));
    keeper.release(1);
    await pass(LOCK_MS);
    expect(renewals).toEqual([]);
  });
});
