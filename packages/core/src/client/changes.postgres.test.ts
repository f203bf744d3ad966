import { Client } from 'pg';
import { onPostgres } from '../testing/engines.ts';
import { changesContract, cutChangesContract } from './changes.contract.ts';

onPostgres((engine) => {
  changesContract(engine);
  cutChangesContract(engine, async (app) => {
    const client = new Client({ connectionString: engine.url });
    await client.connect();
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1', [`oxbow:${app}%`]);
    await client.end();
  });
});
