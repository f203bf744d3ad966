import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine } from '../testing/with-engine.ts';
import { createStores } from './stores.ts';

const LONG_MS = 60_000;

export function leasesContract(test: TestEngine): void {
  const { leases } = createStores(suiteEngine(test).storeServer);

  async function hold(key: string, owner: string, ttlMs = LONG_MS) {
    const acquired = await leases.acquire({ key, owner, ttlMs });
    if (acquired.kind !== 'held') throw new Error(`${key} is taken`);
    return { key, owner, fence: acquired.fence };
  }

  describe('a lease', () => {
    it('is held by one owner', async () => {
      const key = uniqueName('key');
      await hold(key, 'one');
      const refused = await leases.acquire({ key, owner: 'two', ttlMs: LONG_MS });
      expect(refused).toEqual({ kind: 'taken', waiting: false, retryInMs: expect.any(Number) as number });
      if (refused.kind === 'taken') expect(refused.retryInMs).toBeGreaterThan(LONG_MS / 2);
      await hold(uniqueName('another'), 'two');
    });

    it('goes to one of many who ask at once', async () => {
      const key = uniqueName('key');
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => leases.acquire({ key, owner: `o${i}`, ttlMs: LONG_MS })));
      expect(answers.filter(({ kind }) => kind === 'held')).toHaveLength(1);
    });

    it('goes to the next when it is released, and when it ends, with a higher fence', async () => {
      const key = uniqueName('key');
      const first = await hold(key, 'one');
      expect(await leases.release(first)).toBe(true);
      expect(await leases.release(first)).toBe(false);
      const second = await hold(key, 'two', 30);
      await until('it has ended', async () => (await leases.acquire({ key, owner: 'three', ttlMs: LONG_MS })).kind === 'held');
      expect(await leases.renew(second, LONG_MS)).toBe(false);
      expect(await leases.release(second)).toBe(false);
      expect(second.fence).toBeGreaterThan(first.fence);
    });

    it('is taken over by its own owner, and what is left of the old one changes nothing', async () => {
      const key = uniqueName('key');
      const old = await hold(key, 'one');
      const taken = await hold(key, 'one');
      expect(taken.fence).toBeGreaterThan(old.fence);
      expect(await leases.renew(old, LONG_MS)).toBe(false);
      expect(await leases.release(old)).toBe(false);
      expect(await leases.renew(taken, LONG_MS)).toBe(true);
      expect((await leases.acquire({ key, owner: 'two', ttlMs: LONG_MS })).kind).toBe('taken');
    });

    it('has as many places as were asked for', async () => {
      const key = uniqueName('key');
      const answers = [];
      for (const owner of ['a', 'b', 'c']) answers.push(await leases.acquire({ key, owner, ttlMs: LONG_MS, slots: 2 }));
      expect(answers.map(({ kind }) => kind)).toEqual(['held', 'held', 'taken']);
    });
  });
}
