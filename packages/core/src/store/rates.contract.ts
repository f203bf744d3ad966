import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine } from '../testing/with-engine.ts';
import type { RateRequest } from './rates.ts';
import { createStores } from './stores.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export function ratesContract(test: TestEngine): void {
  const { rates } = createStores(suiteEngine(test).storeServer);

  /** Asks for turns in their order; the answers in whole minutes. */
  async function minutes(
    turns: readonly string[],
    rate: Omit<RateRequest, 'turn' | 'task'> & { readonly task?: string },
  ): Promise<number[]> {
    const answers: number[] = [];
    for (const turn of turns) answers.push(Math.round((await rates.take({ turn, task: 'task', ...rate })) / MINUTE_MS));
    return answers;
  }

  describe('a rate', () => {
    it('lets a burst start at once, and gives each that follows a time of its own', async () => {
      const rate = { key: uniqueName('key'), limit: 60, perMs: HOUR_MS, burst: 3 };
      expect(await minutes(['a', 'b', 'c', 'd', 'e', 'f'], rate)).toEqual([0, 0, 0, 1, 2, 3]);
      expect(await minutes(['a'], { ...rate, key: uniqueName('other') })).toEqual([0]);
    });

    it('gives a turn that asks again the answer that it had', async () => {
      const rate = { key: uniqueName('key'), limit: 60, perMs: HOUR_MS, burst: 1 };
      expect(await minutes(['a', 'b', 'c'], rate)).toEqual([0, 1, 2]);
      expect(await minutes(['c', 'b', 'a', 'd'], rate)).toEqual([2, 1, 0, 3]);
    });

    it('gives many who ask at once times of their own', async () => {
      const rate = { key: uniqueName('key'), limit: 60, perMs: HOUR_MS, burst: 5 };
      const answers = await Promise.all(Array.from({ length: 25 }, (_, i) => rates.take({ turn: `t${i}`, task: 'task', ...rate })));
      const sorted = answers.map((ms) => Math.round(ms / MINUTE_MS)).toSorted((a, b) => a - b);
      expect(sorted).toEqual([0, 0, 0, 0, ...Array.from({ length: 21 }, (_, i) => i)]);
    });

    it('lets a turn start when its time has come', async () => {
      const rate = { key: uniqueName('key'), limit: 20, perMs: 1000, burst: 1 };
      const turns = ['a', 'b', 'c'];
      for (const turn of turns) await rates.take({ turn, task: 'task', ...rate });
      const started = performance.now();
      for (const turn of turns) await until(`${turn} starts`, async () => (await rates.take({ turn, task: 'task', ...rate })) === 0);
      expect(performance.now() - started).toBeGreaterThan(40);
    });

    it('lets those who come late start as the rate allows, and not all at once', async () => {
      const rate = { key: uniqueName('key'), limit: 50, perMs: 1000, burst: 2 };
      const turns = Array.from({ length: 12 }, (_, i) => `t${i}`);
      const first = await Promise.all(turns.map((turn) => rates.take({ turn, task: 'task', ...rate })));
      const wait = Math.max(...first) + 200;
      const begun = performance.now();
      await until('all are late', () => performance.now() - begun > wait, wait + 5000);
      const asked = performance.now();
      let [lastMs, atOnce] = [0, 0];
      for (const turn of turns.slice(2)) {
        const inMs = await rates.take({ turn, task: 'task', ...rate });
        lastMs = Math.max(lastMs, performance.now() - asked + inMs);
        if (inMs === 0) atOnce++;
      }
      // Two of the burst, one or two that come within the slack, and as many as the rate gives while they ask one after the other.
      expect(atOnce).toBeLessThanOrEqual(6 + (performance.now() - asked) / 20);
      expect(lastMs).toBeGreaterThan(60);
      for (const turn of turns) await until(`${turn} starts`, async () => (await rates.take({ turn, task: 'task', ...rate })) === 0);
    });

    it('goes by the override of its task from the next start on, until that is undone', async () => {
      const [task, other] = [uniqueName('task'), uniqueName('task')];
      const rate = { key: uniqueName('key'), task, limit: 60, perMs: HOUR_MS, burst: 1 };
      expect(await minutes(['a', 'b', 'c'], rate)).toEqual([0, 1, 2]);
      await rates.override(task, { limit: 3600, perMs: HOUR_MS, burst: 1 });
      expect((await rates.overrides()).get(task)).toEqual({ limit: 3600, perMs: HOUR_MS, burst: 1 });
      // Its turn in a line of which each now takes a second; who has a time keeps it.
      const inMs = await rates.take({ turn: 'd', ...rate });
      expect(inMs).toBeGreaterThan(2000);
      expect(inMs).toBeLessThan(4000);
      expect(await minutes(['c'], rate)).toEqual([2]);
      expect(await minutes(['a', 'b'], { ...rate, key: uniqueName('key'), task: other })).toEqual([0, 1]);
      await rates.override(task, undefined);
      expect((await rates.overrides()).has(task)).toBe(false);
      expect(await minutes(['e'], rate)).toEqual([4]);
      // A change of nothing.
      await rates.override(task, undefined);
    });

    it('holds real starts to an override that is lower', async () => {
      const rate = { key: uniqueName('key'), task: uniqueName('task'), limit: 10, perMs: 1000, burst: 1 };
      for (const turn of ['a', 'b', 'c']) await rates.take({ turn, ...rate });
      await rates.override(rate.task, { limit: 1, perMs: HOUR_MS, burst: 1 });
      // The first one's share of the rate has come back; the second one's, after that, takes an hour.
      await until('b starts', async () => (await rates.take({ turn: 'b', ...rate })) === 0);
      const later = await until('c is put off', async () => {
        const ms = await rates.take({ turn: 'c', ...rate });
        return ms > MINUTE_MS ? ms : undefined;
      });
      expect(later / MINUTE_MS).toBeGreaterThan(50);
      await rates.override(rate.task, undefined);
    });
  });
}
