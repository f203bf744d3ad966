import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEmbeddedDriver } from './embedded.ts';
import { pruneEvents } from './event-pruning.ts';
import type { PglitePool } from './pglite-pool.ts';
import { keepUp } from './pglite-upkeep.ts';

const driver = createEmbeddedDriver({ app: 'upkeep' });
const pool = driver.queueOptions().connection as unknown as PglitePool;

beforeAll(() => driver.open());
afterAll(() => driver.close());

async function numbers(text: string): Promise<Record<string, number>> {
  const { rows } = await pool.query<Record<string, unknown>>(text);
  return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, value]) => [name, Number(value)]));
}

it('deletes events that are older than ten minutes, or more than 10,000 back in their queue', async () => {
  await pool.query('INSERT INTO event (queue, event, created_at_ms) VALUES ($1, $2, $3)', ['quiet', 'old', Date.now() - 11 * 60_000]);
  await pool.query("INSERT INTO event (queue, event, created_at_ms) SELECT 'busy', n::text, $1 FROM generate_series(1, 10500) n", [
    Date.now(),
  ]);
  await pool.query('INSERT INTO event (queue, event, created_at_ms) VALUES ($1, $2, $3)', ['quiet', 'new', Date.now()]);
  await pruneEvents(pool);
  expect((await pool.query('SELECT queue, count(*)::int AS kept FROM event GROUP BY queue ORDER BY queue')).rows).toEqual([
    { queue: 'busy', kept: 10_000 },
    { queue: 'quiet', kept: 1 },
  ]);
  expect((await pool.query("SELECT event FROM event WHERE queue = 'quiet'")).rows).toEqual([{ event: 'new' }]);
});

it('keeps tables and log from growing with the jobs that have run', async () => {
  const queue = new Queue('churn', driver.queueOptions(), driver.backend);
  const sizes = async (): Promise<Record<string, number>> =>
    numbers("SELECT pg_relation_size('job') AS job, (SELECT count(*) FROM pg_ls_waldir()) AS segments");
  const round = async (): Promise<Record<string, number>> => {
    for (let batch = 0; batch < 3; batch++) {
      await queue.addBulk(Array.from({ length: 1000 }, () => ({ name: 'x', data: 1 })));
      await queue.drain();
      await keepUp(pool);
    }
    return sizes();
  };
  await round();
  const before = await round();
  const after = await round();
  expect(after['job']).toBeLessThanOrEqual((before['job'] ?? 0) * 1.2);
  expect(after['segments']).toBeLessThanOrEqual(40);
  await queue.close();
});

it('freezes the tables when their rows have grown old', async () => {
  // The counter cannot be wound forward in a test: only that a whole-database freeze works, without the templates.
  await pool.query('VACUUM (FREEZE)');
  const { age } = await numbers('SELECT max(age(datfrozenxid)) AS age FROM pg_database');
  expect(age).toBeLessThan(1000);
});
