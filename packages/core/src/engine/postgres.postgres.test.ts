import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { QueueEvents } from 'bullmq';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onPostgres } from '../testing/engines.ts';
import { postgresDriver } from '../testing/postgres-driver.ts';
import { fixtureProgram } from '../testing/fixture-program.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, startWorker, uniqueName, withApp } from '../testing/with-app.ts';
import { BullEngine } from './bull-engine.ts';
import { schemaOf } from './postgres-target.ts';

onPostgres((engine) => {
  async function connected(app?: string): Promise<Client> {
    const client = new Client({
      connectionString: engine.url,
      ...(app === undefined ? {} : { options: `-c search_path="${schemaOf(app)}"` }),
    });
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  }

  async function connectionsOf(client: Client, app: string): Promise<number> {
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE $1', [
      `oxbow:${app}%`,
    ]);
    return rows[0]?.n ?? 0;
  }

  describe('an empty database', () => {
    it('can be opened by many processes at once', async () => {
      const app = uniqueName();
      onTestFinished(() => deleteKeys(engine.url, app));
      const opened = await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          promisify(execFile)(process.execPath, [fixtureProgram('opener'), engine.url, app, String(n)]).then(({ stdout }) => stdout),
        ),
      );
      expect(opened).toEqual(['added', 'added', 'added', 'added', 'added']);
      const { rows } = await (await connected(app)).query('SELECT version FROM migration GROUP BY version HAVING count(*) > 1');
      expect(rows).toEqual([]);
    }, 60_000);
  });

  describe('apps in one database', () => {
    it('do not see each other, though their queues and jobs have the same names', async () => {
      const base = uniqueName();
      const [one, other] = [withApp(engine, { name: `${base}-b` }), withApp(engine, { name: `${base}.b` })];
      const ran: string[] = [];
      const [first] = [one, other].map((app, n) => app.task('task', { run: (from: string) => void ran.push(`${from} ran in ${n}`) }));
      await startWorker(other, {});
      const handle = await first?.enqueue('first');
      expect(await other.queue('default').getJobCountByTypes('waiting', 'active', 'completed')).toBe(0);
      await startWorker(one, {});
      await handle?.result();
      expect(ran).toEqual(['first ran in 0']);
    });
  });

  describe('a pool', () => {
    it.each([1, 3])('of %d serves many queues with many slots each, and never holds more connections', async (size) => {
      const app = withApp({ ...engine, url: `${engine.url}${engine.url.includes('?') ? '&' : '?'}pool=${size}` });
      const queues = Array.from({ length: 10 }, (_, n) => `queue-${n}`);
      const tasks = queues.map((queue) => app.task(`on-${queue}`, { queue, run: (n: number) => n }));
      await startWorker(app, { queues: Object.fromEntries(queues.map((queue) => [queue, 50])) });
      const handles = await Promise.all(tasks.flatMap((task) => Array.from({ length: 20 }, (_, n) => task.enqueue(n))));
      const client = await connected();
      const seen = connectionsOf(client, app.name);
      expect(await Promise.all(handles.map((handle) => handle.result()))).toHaveLength(200);
      expect(await seen).toBeLessThanOrEqual(size + 1);
      expect(await connectionsOf(client, app.name)).toBeLessThanOrEqual(size + 1);
    });
  });

  describe('an add', () => {
    it('that the server refuses rejects alone, among those of its tick and of other queues', async () => {
      const { driver, discard } = postgresDriver(engine.url);
      const bull = new BullEngine(driver, () => undefined);
      onTestFinished(discard);
      onTestFinished(() => bull.close());
      const add = (queue: string, id: string, data: string) => bull.add(queue, { id, name: 'x', data, timestamp: Date.now() });
      const results = await Promise.allSettled([
        add('a', '1', '1'),
        add('a', '2', '{no json'),
        add('a', '3', '3'),
        add('b', '1', '1'),
        add('b', '2', '2'),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
      expect(await bull.queue('a').getWaitingCount()).toBe(2);
      expect(await bull.queue('b').getWaitingCount()).toBe(2);
    });
  });

  describe('an event that is committed after a later one has been read', () => {
    it('reaches the feed and BullMQ’s own QueueEvents', async () => {
      const { driver, app, discard } = postgresDriver(engine.url);
      onTestFinished(discard);
      await driver.open();
      const fed: string[] = [];
      driver.feed.listen({ event: ({ jobId }) => void fed.push(jobId), gap: () => undefined });
      await driver.feed.watch('q');
      const events = new QueueEvents('q', driver.queueOptions(), driver.backend);
      onTestFinished(() => events.close());
      const heard: string[] = [];
      events.on('waiting', ({ jobId }) => heard.push(jobId));
      await events.waitUntilReady();
      const [slow, quick] = [await connected(app), await connected(app)];
      const publish = (client: Client, id: string) =>
        client.query(`SELECT publish_event('q', 'waiting', jsonb_build_object('jobId', $1::text))`, [id]);
      await until('the readers read', async () => {
        await publish(quick, 'probe');
        return fed.length > 0 && heard.length > 0;
      });
      await slow.query('BEGIN');
      // As BullMQ's functions do, a row first: the transaction has its number before the event has its id.
      await slow.query(`INSERT INTO meta VALUES ('q', 'test', '1')`);
      await publish(slow, 'early');
      await publish(quick, 'late');
      await until('the later one is read', () => fed.includes('late') && heard.includes('late'));
      await slow.query('COMMIT');
      await until('the earlier one is read, too', () => fed.includes('early') && heard.includes('early'));
      for (const seen of [fed, heard]) expect(seen.filter((id) => id === 'late' || id === 'early')).toEqual(['late', 'early']);
    });
  });
});
