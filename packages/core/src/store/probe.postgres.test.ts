import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { schemaOf } from '../engine/postgres-target.ts';
import { operate } from '../operate.ts';
import { onPostgres } from '../testing/engines.ts';
import { withApp } from '../testing/with-app.ts';
import { probeContract } from './probe.contract.ts';

onPostgres((engine) => {
  probeContract(engine, async (app) => {
    const client = new Client({ connectionString: engine.url });
    await client.connect();
    const { rowCount } = await client.query(`SELECT FROM "${schemaOf(app)}".oxbow_blocked_job`);
    await client.end();
    return rowCount ?? 0;
  });

  describe('a probe of a postgres that may only be read', () => {
    it('is a probe of one that is away', async () => {
      const app = withApp(engine);
      await app.ready();
      const url = new URL(engine.url);
      url.searchParams.set('options', '-c default_transaction_read_only=on');
      const reader = withApp({ ...engine, url: url.href }, { name: app.name, connectTimeout: 200 });
      await expect(operate(reader).probe()).rejects.toMatchObject({ code: 'engine_unavailable' });
    });
  });
});
