import { Client } from 'pg';
import { expect, it, onTestFinished, vi } from 'vitest';
import { group } from '../canvas/group.ts';
import { onPostgres } from '../testing/engines.ts';
import { postgresDriver } from '../testing/postgres-driver.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';
import { openWindow, readWindows, type EventWindow } from './postgres-events.ts';
import { postgresTarget, schemaOf } from './postgres-target.ts';

interface Scene {
  readonly session: () => Promise<Client>;
  readonly publish: (client: Client, name: string) => Promise<unknown>;
  readonly window: EventWindow;
  /** Names of events that were not read before. */
  readonly read: () => Promise<readonly string[]>;
}

onPostgres(({ url }) => {
  /** A schema with one queue, and a window on it. */
  async function scene(): Promise<Scene> {
    const { driver, app, discard } = postgresDriver(url);
    onTestFinished(discard);
    await driver.open();
    const target = postgresTarget({ app, url, tls: undefined, connectTimeoutMs: 5000 });
    const session = async (): Promise<Client> => {
      const client = new Client({ connectionString: target.connectionString });
      await client.connect();
      onTestFinished(() => client.end());
      await client.query(`SET search_path TO "${target.schema}"`);
      return client;
    };
    const publish = (client: Client, name: string) => client.query("SELECT publish_event('queue', $1, '{}')", [name]);
    const reader = await session();
    const pool = { query: async (text: string, params?: readonly unknown[]) => reader.query(text, params as unknown[]) } as never;
    const window = await openWindow(pool, 'queue');
    const read = async (): Promise<readonly string[]> => {
      const { rows, snapshot } = await readWindows(pool, [['queue', window]]);
      return window.accept(rows, snapshot).map(({ event }) => event);
    };
    return { session, publish, window, read };
  }

  it('reads an event on postgres whose transaction is younger than all that have ended, behind a larger id', async () => {
    const { session, publish, window, read } = await scene();
    const [older, younger] = [await session(), await session()];
    for (const client of [older, younger]) {
      await client.query('BEGIN');
      await client.query('SELECT pg_current_xact_id()');
    }
    await publish(younger, 'first');
    await publish(older, 'second');
    await older.query('COMMIT');
    expect(await read()).toEqual(['second']);
    expect(await read()).toEqual([]);
    expect(window.isSettled).toBe(false);
    await younger.query('COMMIT');
    expect(await read()).toEqual(['first']);
    expect(await read()).toEqual([]);
  });

  it('passes over what a transaction on postgres wrote that was open for longer than the window, and nothing else', async () => {
    const { session, publish, window, read } = await scene();
    const [long, other] = [await session(), await session()];
    await long.query('BEGIN');
    await publish(long, 'added, early');
    await publish(other, 'before');
    expect(await read()).toEqual(['before']);
    const late = performance.now() + 6000;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => late);
    onTestFinished(() => clock.mockRestore());
    await publish(other, 'meanwhile');
    expect(await read()).toEqual(['meanwhile']);
    expect(window.newest - window.low).toBe(1);
    await long.query('COMMIT');
    await publish(other, 'completed, after');
    expect(await read()).toEqual(['completed, after']);
    clock.mockRestore();
    // Other tests' transactions on this server end, too.
    await until('it is settled', async () => {
      expect(await read()).toEqual([]);
      return window.isSettled;
    });
  });

  it('finds no event on postgres that got its id before its transaction had one: nobody could wait for that', async () => {
    const app = withApp({ kind: 'postgres', url });
    const task = app.task('task', { queue: 'q', states: ['BUSY'], run: (n: number, ctx) => ctx.setState('BUSY').then(() => n) });
    await app.ready();
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const schema = `"${schemaOf(app.name)}"`;
    await client.query(`CREATE FUNCTION ${schema}.checked_id() RETURNS bigint LANGUAGE plpgsql AS $$
      BEGIN
        IF pg_current_xact_id_if_assigned() IS NULL THEN RAISE EXCEPTION 'an event before its transaction'; END IF;
        RETURN nextval('${schema}.event_seq');
      END $$`);
    await client.query(`ALTER TABLE ${schema}.event ALTER id SET DEFAULT ${schema}.checked_id()`);
    await startWorker(app, { queues: { q: 2 } });
    expect(await (await group(task.s(), task.s()).enqueue(1)).result()).toEqual([1, 1]);
    expect(await (await task.enqueue(1, { delay: '1h' })).cancel()).toBe(true);
    expect((await app.fleet.ping()).answers).toHaveLength(1);
    await app.queue('q').pause();
    await app.queue('q').resume();
    expect(await (await task.enqueue(2)).result()).toBe(2);
  });
});
