import { Client } from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { flowJob, openEngine } from '../testing/with-engine.ts';
import { onPostgres } from '../testing/engines.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { schemaOf } from './postgres-target.ts';

const MEMBERS = 5000;
const AT_ONCE = 1000;
/** From the sixth call on Postgres may plan without the values. */
const CALLS = 12;

onPostgres(({ url }) => {
  it('a member of a large group ends without reading the whole group', async () => {
    const app = uniqueName();
    const engine = openEngine(url, app);
    const client = new Client({ connectionString: url, options: `-c search_path="${schemaOf(app)}"` });
    onTestFinished(async () => {
      await Promise.all([engine.close(), client.end()]);
      await deleteKeys(url, app);
    });
    const join = flowJob('q', 'join', { parked: true });
    for (let from = 0; from < MEMBERS; from += AT_ONCE) {
      const members = Array.from({ length: AT_ONCE }, (_, i) => flowJob('q', `m${from + i}`, { parent: join }));
      await engine.addFlow(from === 0 ? [join, ...members] : members);
    }
    await client.connect();
    await client.query('ANALYZE job_dependency');
    for (let call = 0; call < CALLS; call++) {
      await client.query('BEGIN');
      const taken = await client.query<{ id: string }>("SELECT id FROM move_to_active('q', 'token', 30000, 1, 'me', NULL, NULL)");
      await client.query("SELECT move_to_completed('q', $1, 'token', '1'::jsonb, 2, false, NULL, NULL)", [taken.rows[0]?.id]);
      const { rows } = await client.query(
        "SELECT seq_scan::int AS scans FROM pg_stat_xact_user_tables WHERE relname = 'job_dependency' AND schemaname = current_schema()",
      );
      expect(rows).toEqual([{ scans: 0 }]);
      await client.query('COMMIT');
    }
  });
});
