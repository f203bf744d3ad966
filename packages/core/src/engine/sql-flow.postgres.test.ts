import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { onPostgres } from '../testing/engines.ts';
import { postgresDriver } from '../testing/postgres-driver.ts';
import { sql } from '../testing/postgres-server.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { flowJob, openEngine } from '../testing/with-engine.ts';
import { schemaOf } from './postgres-target.ts';
import { sqlFlowContract } from './sql-flow.contract.ts';

onPostgres(({ url }) => {
  const { driver, discard } = postgresDriver(url);
  afterAll(discard);
  sqlFlowContract(driver);

  describe('flows under many joins', () => {
    it('are added from several processes at once, and every join counts its children', async () => {
      const app = uniqueName();
      const engines = [0, 1, 2].map(() => openEngine(url, app));
      onTestFinished(async () => {
        await Promise.all(engines.map((engine) => engine.close()));
        await deleteKeys(url, app);
      });
      const joins = Array.from({ length: 40 }, (_, n) => ({ queue: 'q', id: `join${n}` }));
      const [first] = engines;
      for (const join of joins)
        await first?.addFlow([flowJob('q', join.id, { parked: true }), flowJob('q', `${join.id}-0`, { parent: join })]);
      await Promise.all(
        engines.flatMap((engine, e) =>
          [1, 2, 3].map(async (round) => {
            // In another order each time.
            const order = (round + e) % 2 === 0 ? joins : joins.toReversed();
            await Promise.all(order.map((join) => engine.addFlow([flowJob('q', `${join.id}-${e}-${round}`, { parent: join })])));
          }),
        ),
      );
      const schema = schemaOf(app);
      const rows = await sql(
        { url },
        `SELECT pending_deps AS pending, (SELECT count(*)::int FROM "${schema}".job_dependency WHERE parent_id = job.id) AS children
           FROM "${schema}".job WHERE state = 'waiting-children'`,
      );
      expect(rows).toEqual(joins.map(() => ({ pending: 10, children: 10 })));
    });
  });

  describe('an app whose schema is BullMQ’s alone', () => {
    it('gets what flows need', async () => {
      const app = uniqueName();
      const first = openEngine(url, app);
      onTestFinished(() => deleteKeys(url, app));
      await first.open();
      await first.close();
      await sql(
        { url },
        `DROP FUNCTION "${schemaOf(app)}".oxbow_version, "${schemaOf(app)}".oxbow_add_flows, "${schemaOf(app)}".oxbow_child_values`,
      );
      const engines = [openEngine(url, app), openEngine(url, app)];
      onTestFinished(async () => {
        for (const engine of engines) await engine.close();
      });
      await Promise.all(engines.map((engine, n) => engine.addFlow([flowJob('q', `j${n}`)])));
      expect((await engines[0]?.find('q', 'j1'))?.state).toBe('waiting');
    });
  });
});
