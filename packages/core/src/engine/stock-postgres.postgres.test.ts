/**
 * What BullMQ's own Postgres backend does where ours does better. When one of these fails, BullMQ has changed: see
 * whether our cover of it can go (docs/decisions/0008-postgres.md).
 */
import {
  createPostgresBackend,
  FlowProducer,
  Queue,
  runMigrations,
  Worker,
  type BackendFactory,
  type IQueueBackend,
  type QueueOptions,
} from 'bullmq';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { onPostgres } from '../testing/engines.ts';
import { postgresDriver } from '../testing/postgres-driver.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { schemaOf } from './postgres-target.ts';

const SECOND_MS = 1000;

onPostgres(({ url }) => {
  const { driver, app, discard } = postgresDriver(url);
  const stock = {
    options: { connection: { connectionString: url, schema: schemaOf(app), max: 4 } } as unknown as QueueOptions,
    backend: createPostgresBackend as unknown as BackendFactory,
  };
  let client: Client;

  beforeAll(async () => {
    await driver.open();
    client = new Client({ connectionString: url, options: `-c search_path="${schemaOf(app)}"` });
    await client.connect();
    await runMigrations(client as never, schemaOf(app));
  });
  afterAll(async () => {
    await client.end();
    await discard();
  });

  const ours = () => ({ options: driver.queueOptions(), backend: driver.backend });

  function newQueue({ options, backend }: ReturnType<typeof ours>) {
    const queue = new Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>(uniqueName('q'), options, backend);
    onTestFinished(() => queue.close());
    return queue;
  }

  describe('BullMQ’s own backend', () => {
    it('passes over an event that is committed after one with a larger id', async () => {
      const queue = newQueue(stock);
      const backend = queue.getBackend();
      const other = new Client({ connectionString: url, options: `-c search_path="${schemaOf(app)}"` });
      await other.connect();
      onTestFinished(() => other.end());
      const publish = (on: Client, id: string) =>
        on.query(`SELECT publish_event($1, 'x', jsonb_build_object('jobId', $2::text)) AS id`, [queue.name, id]);
      await publish(client, 'first');
      await other.query('BEGIN');
      await publish(other, 'early');
      await publish(client, 'late');
      const read = async (id: string) => ((await backend.readEvents(id, 1)) as [string, [string, string[]][]][] | null)?.[0]?.[1] ?? [];
      const before = await read('0');
      await other.query('COMMIT');
      const after = await read(before.at(-1)?.[0] ?? '');
      expect([...before, ...after].map(([, fields]) => fields.at(-1))).toEqual(['first', 'late']);
    });

    it('leaves a parent waiting whose children were removed', async () => {
      const queue = newQueue(stock);
      const flows = new FlowProducer(stock.options, stock.backend);
      onTestFinished(() => flows.close());
      const { job } = await flows.add({ name: 'parent', queueName: queue.name, children: [{ name: 'child', queueName: queue.name }] });
      await job.removeUnprocessedChildren();
      expect(await job.getState()).toBe('waiting-children');
    });

    it('does not let a parent wait for an ignored child that is tried again', async () => {
      const queue = newQueue(stock);
      const there = newQueue(stock);
      const flows = new FlowProducer(stock.options, stock.backend);
      onTestFinished(() => flows.close());
      const { job, children = [] } = await flows.add({
        name: 'parent',
        queueName: queue.name,
        children: [{ name: 'child', queueName: there.name, opts: { ignoreDependencyOnFailure: true } }],
      });
      const worker = new Worker(there.name, () => Promise.reject(new Error('no')), stock.options, stock.backend);
      await until('the parent is released', async () => (await job.getState()) === 'waiting');
      await worker.close();
      await children[0]?.job.retry();
      expect(await job.getDependenciesCount()).toMatchObject({ unprocessed: 0, ignored: 1 });
    });
  });

  describe('a queue whose global concurrency is used up', () => {
    it.each([
      ['is asked for jobs in a hot loop by BullMQ’s own backend', () => stock, true],
      ['is asked for jobs a few times a second by ours', ours, false],
    ] as const)('%s', async (_, side, isHot) => {
      const queue = newQueue(side());
      await queue.setGlobalConcurrency(1);
      await queue.addBulk([1, 2, 3].map((data) => ({ name: 'x', data })));
      let claims = 0;
      let running = 0;
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const worker = new Worker(
        queue.name,
        () => (running++, held),
        { ...side().options, concurrency: 2 },
        (...args) => {
          const backend = side().backend(...args);
          const claim = backend.moveToActive.bind(backend);
          backend.moveToActive = (...token) => (claims++, claim(...token));
          return backend;
        },
      );
      worker.on('error', () => undefined);
      onTestFinished(() => worker.close());
      await until('one runs', () => running === 1);
      const before = claims;
      const began = performance.now();
      const lookMs = isHot ? 5 * SECOND_MS : SECOND_MS;
      await until('enough was seen', () => performance.now() - began > lookMs || claims - before >= 100);
      release();
      // With our pauses two slots would ask 100 times in five seconds at most; without, a machine under load asks so often in one.
      if (isHot) expect(claims - before).toBeGreaterThanOrEqual(100);
      else expect(claims - before).toBeLessThan(60);
    });
  });
});
