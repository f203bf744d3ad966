import { faketimeEnv } from '@oxbow/faults';
import { describe, expect, it } from 'vitest';
import { PLACE_CRASHPOINTS, type Crashpoint } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';
import { readLedger } from '../testing/ledger.ts';
import { until } from '../testing/until.ts';
import { withApp } from '../testing/with-app.ts';

const JOBS = 10;
const FIVE_MINUTES_AHEAD = faketimeEnv(300_000);
const inCi = ![undefined, '', 'false'].includes(process.env['CI']);

/** Processes that die, or whose clock is off, while they have a place or wait for one. */
export function placesCrashContract(engine: TestEngine, points: readonly Crashpoint[] = PLACE_CRASHPOINTS): void {
  describe('a worker whose jobs need a place', { timeout: 60_000 }, () => {
    it.each(points)('that dies at %s: all jobs run, one at a time, and no effect happens twice', async (name) => {
      const config = { ...(await fixtureConfig(engine, 'places')), produce: JOBS, produces: 'guarded' } as const;
      const first = new FixtureProcess(config, { env: { OXBOW_CRASHPOINT: `${name}:4` } });
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      const second = new FixtureProcess(config);
      await second.told('produced');
      const ids = entries(config.ledger, 'ack').map((entry) => entry.split(' ')[1] ?? '');
      const statuses = await Promise.all(ids.map((id) => second.ended(id)));
      expect(statuses.map(({ status }) => status)).toEqual(Array.from({ length: JOBS }, () => 'succeeded'));
      const effects = entries(config.ledger, 'effect');
      expect(ids.filter((id) => !effects.includes(id))).toEqual([]);
      expect(new Set(effects).size).toBe(effects.length);
      expectOneAtATime(config.ledger);
    });
  });

  if (FIVE_MINUTES_AHEAD === undefined && inCi) throw new Error('There is no faketime on the path: in CI nothing is left out.');
  describe.skipIf(FIVE_MINUTES_AHEAD === undefined)(
    `a worker process whose clock is five minutes off${FIVE_MINUTES_AHEAD === undefined ? ' (left out: no faketime on the path)' : ''}`,
    { timeout: 60_000 },
    () => {
      it('breaks nobody’s lock, keeps its own, and does not fetch', async () => {
        const config = await fixtureConfig(engine, 'skewed');
        const app = withApp(engine, { name: config.app });
        const note = app.task('note', { queue: config.queue, run: () => null });
        const jobs = [await note.enqueue(1), await note.enqueue(2, { delay: '2m' })];
        const off = new FixtureProcess(config, { env: FIVE_MINUTES_AHEAD ?? {} });
        const mine = await app.lock('k', { ttl: 10_000 });
        const { offsetMs = 0 } = await off.told('engine:clock-skewed');
        expect(Math.abs(offsetMs + 300_000)).toBeLessThan(2000);
        expect(await off.lock('k', 1000)).toBeUndefined();
        await mine.release();
        const fence = await off.lock('k', 1500);
        expect(Number(fence)).toBeGreaterThan(mine.fence);
        const begun = performance.now();
        await until('its lock has outlived its ttl', async () => {
          await expect(app.lock('k', { wait: 'fail' })).rejects.toMatchObject({ code: 'lock_taken' });
          return performance.now() - begun > 1800;
        });
        expect(entries(config.ledger, 'start')).toEqual([]);
        await off.kill('SIGKILL');
        expect(await Promise.all(jobs.map(async (job) => (await job.status()).status))).toEqual(['waiting', 'delayed']);
        const next = await app.lock('k');
        expect(next.fence).toBeGreaterThan(Number(fence));
        await next.release();
      });
    },
  );
}

/** Fences rise from one to the next, and nobody enters before the one before has left, or its process was killed: once. */
function expectOneAtATime(ledger: string): void {
  let last = 0;
  let inside: string | undefined;
  let killed = 0;
  for (const { word, about } of readLedger(ledger)) {
    if (word === 'enter') {
      if (inside !== undefined) killed++;
      const fence = Number(about.split(' ')[1]);
      expect(fence).toBeGreaterThan(last);
      [last, inside] = [fence, about];
    } else if (word === 'leave') {
      expect(about).toBe(inside);
      inside = undefined;
    }
  }
  expect(killed).toBeLessThanOrEqual(1);
}
