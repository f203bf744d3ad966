import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onPostgres } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { flowJob, openEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { Engine } from './engine.ts';
import { PostgresLocks } from './postgres-locks.ts';
import { schemaOf } from './postgres-target.ts';

const CONNECT_TIMEOUT_MS = 5000;

onPostgres(({ url }) => {
  interface Stage {
    readonly app: string;
    readonly engine: Engine;
    /** Somebody else's transaction; of a ring that it is in, the server ends another one. */
    readonly other: Client;
  }

  async function stage(): Promise<Stage> {
    const app = uniqueName();
    onTestFinished(() => deleteKeys(url, app));
    const engine = openEngine(url, app);
    onTestFinished(() => engine.close());
    await engine.addFlow([flowJob('q', 'parent', { parked: true }), flowJob('q', 'child', { parent: { queue: 'q', id: 'parent' } })]);
    const other = await connected(app, '-c deadlock_timeout=1min');
    await other.query('BEGIN');
    return { app, engine, other };
  }

  async function connected(app: string, options: string): Promise<Client> {
    const client = new Client({ connectionString: url, options: `-c search_path="${schemaOf(app)}" ${options}` });
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  }

  const lock = (client: Client, id: string): Promise<unknown> => client.query('SELECT FROM job WHERE id = $1 FOR UPDATE', [id]);

  function isWaitedFor(client: Client): () => Promise<boolean> {
    return async () => {
      const { rows } = await client.query('SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))');
      return rows.length > 0;
    };
  }

  /** The child runs until the gate opens. */
  async function childRuns(engine: Engine): Promise<Gate> {
    const gate = new Gate();
    await work(engine, 'q', async (job) => {
      if (job.id === 'child') await gate.pass();
      return toVerdict(job);
    });
    await until('the child runs', () => gate.arrived === 1);
    return gate;
  }

  describe('a deadlock', () => {
    it('at the end of a job costs it nothing: the job succeeds at its first attempt, and its parent goes on', async () => {
      const { engine, other } = await stage();
      const gate = await childRuns(engine);
      await lock(other, 'parent');
      gate.open();
      await until('the end of the child waits', isWaitedFor(other));
      await lock(other, 'child');
      await other.query('ROLLBACK');
      await until('the parent has run', async () => (await engine.find('q', 'parent'))?.state === 'completed');
      expect(await engine.find('q', 'child')).toMatchObject({ state: 'completed', attemptsStarted: 1, stalledCounter: 0 });
    });

    it('ends no retry of a failed job', async () => {
      const { engine, other } = await stage();
      await engine.addFlow([flowJob('q', 'fails', { parent: { queue: 'q', id: 'parent' } })]);
      await work(engine, 'q', ({ id }) => toVerdict({ id: `fail-${id}` }));
      await until('it has failed', async () => (await engine.find('q', 'fails'))?.state === 'failed');
      await lock(other, 'fails');
      const job = await engine.queue('q').getJob('fails');
      const retried = job?.retry();
      await until('the retry waits', isWaitedFor(other));
      await other.query(`SELECT pg_advisory_xact_lock(hashtext('bullmq:parent:q:parent'))`);
      await other.query('ROLLBACK');
      await expect(retried).resolves.toBeUndefined();
      await until('it has run again', async () => (await engine.find('q', 'fails'))?.attemptsStarted === 2);
    });
  });

  describe('a job that somebody else has in hand', () => {
    /** Two jobs are active, and somebody else has the first. */
    async function twoActive(): Promise<Stage & { readonly client: Client }> {
      const staged = await stage();
      const client = await connected(staged.app, '-c lock_timeout=1s');
      await staged.engine.addFlow([flowJob('q', 'second')]);
      await client.query(`UPDATE job SET state = 'active', lock_token = 'owner:1', locked_until_ms = 1 WHERE id IN ('child', 'second')`);
      await lock(staged.other, 'child');
      return { ...staged, client };
    }

    it('is not waited for by the check for stalled jobs, which takes the others', async () => {
      const { client, engine } = await twoActive();
      const { rows } = await client.query(`SELECT * FROM move_stalled_jobs_to_wait('q', 5, $1, 0) AS id`, [Date.now()]);
      expect(rows).toEqual([{ id: 'second' }]);
      expect(await engine.find('q', 'second')).toMatchObject({ state: 'waiting', stalledCounter: 1 });
    });

    it('is not waited for by a renewal of locks, which renews the others', async () => {
      const { app, client } = await twoActive();
      const locks = new PostgresLocks({ kind: 'postgres', target: { app, url, tls: undefined, connectTimeoutMs: CONNECT_TIMEOUT_MS } });
      onTestFinished(() => locks.rest());
      await locks.renew('q', ['owner:'], 30_000);
      const { rows } = await client.query('SELECT id FROM job WHERE locked_until_ms > 1');
      expect(rows).toEqual([{ id: 'second' }]);
    });
  });
});
