import pg from 'pg';
import { describe } from 'vitest';
import { crashContract } from './crash.contract.ts';
import { postgresUrl } from './testing/postgres.ts';

describe.skipIf(postgresUrl === '')('a stored result on postgres', () =>
  crashContract({
    url: postgresUrl,
    discard: async (app) => {
      const client = new pg.Client({ connectionString: postgresUrl });
      await client.connect();
      const { rows } = await client.query<{ readonly name: string }>('SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE $1', [
        `%${app}%`,
      ]);
      for (const { name } of rows) await client.query(`DROP SCHEMA "${name}" CASCADE`);
      await client.end();
    },
  }),
);
