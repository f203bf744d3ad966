import { Client } from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { onPostgres } from '../testing/engines.ts';
import { postgresDriver } from '../testing/postgres-driver.ts';
import { openWindow, readWindows } from './postgres-events.ts';
import { postgresTarget } from './postgres-target.ts';

onPostgres(({ url }) => {
  it('reads an event on postgres whose transaction is younger than all that have ended, behind a larger id', async () => {
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
    const [older, younger, reader] = [await session(), await session(), await session()];
    const pool = { query: async (text: string, params?: readonly unknown[]) => reader.query(text, params as unknown[]) } as never;
    const window = await openWindow(pool, 'queue');
    const read = async (): Promise<readonly string[]> => {
      const { rows, snapshot } = await readWindows(pool, [['queue', window]]);
      return window.accept(rows, snapshot).map(({ event }) => event);
    };

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
});
