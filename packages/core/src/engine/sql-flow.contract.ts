import type { IQueueBackend } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { uniqueName } from '../testing/with-app.ts';
import { flowJob } from '../testing/with-engine.ts';
import type { Driver } from './driver.ts';
import type { FlowJob, JobPlace } from './engine.ts';
import { toJobJson } from './job-json.ts';
import type { SqlPool } from './sql-flow.ts';

const NOW = 1_700_000_000_000;
const DIFFERENT = ['seq', 'created_at_ms'];

type FlowEntry = Parameters<IQueueBackend['addFlow']>[0][number];

export function sqlFlowContract(driver: Driver): void {
  describe('a flow', () => {
    it('leaves what BullMQ leaves when it adds the same jobs', async () => {
      await driver.open();
      const pool = driver.queueOptions().connection as unknown as SqlPool;
      const [ours, theirs] = [uniqueName('q'), uniqueName('q')];
      await driver.store.addFlow(flowOn(ours));
      const backend = driver.backend(theirs, driver.queueOptions());
      const added = await backend.addFlow(flowOn(theirs).map(toEntry));
      expect(added.filter(([error]) => error !== null)).toEqual([]);
      const left = await contents(pool, ours);
      expect(left['job']).toHaveLength(8);
      expect(left).toEqual(await contents(pool, theirs));
    });
  });
}

/** One of each kind, on two queues. */
function flowOn(near: string): FlowJob[] {
  const far = `${near}-far`;
  const [join, inner]: JobPlace[] = [
    { queue: near, id: 'join' },
    { queue: far, id: 'inner' },
  ];
  const at = { timestamp: NOW };
  return [
    flowJob(near, 'join', { ...at, parked: true, attempts: 3, data: '{"a":{"b":[1]},"c":"\\u0000"}' }),
    flowJob(far, 'inner', { ...at, parked: true, parent: join as JobPlace, onFailure: 'ignore' }),
    flowJob(near, 'a', { ...at, parent: join as JobPlace }),
    flowJob(far, 'b', { ...at, parent: inner as JobPlace, priority: 7 }),
    flowJob(far, 'c', { ...at, parent: inner as JobPlace, priority: 7 }),
    flowJob(near, 'd', { ...at, parent: join as JobPlace, delayMs: 5000 }),
    flowJob(near, 'e', { ...at, parent: join as JobPlace, delayMs: 5000 }),
    flowJob(near, 'link', at),
  ];
}

function toEntry(job: FlowJob): FlowEntry {
  const { opts, ...json } = toJobJson(job);
  const { queue, id, parent, parked = false } = job;
  const option = job.onFailure === 'ignore' ? 'ignoreDependencyOnFailure' : 'continueParentOnFailure';
  const parentKey = parent && `${parent.queue}:${parent.id}`;
  return {
    prefix: '',
    queueName: queue,
    jobId: id,
    jobData: {
      ...json,
      opts: parent === undefined ? opts : { ...opts, [option]: true },
      ...(parent && { parent: { id: parent.id, queueKey: parent.queue }, parentKey }),
    },
    parentKeyOpts: { ...(parked ? { addToWaitingChildren: true } : {}), ...(parentKey === undefined ? {} : { parentKey }) },
  } as FlowEntry;
}

/** The rows of a queue and of the other one, in the order of their making; without the queue's name, sequences and times. */
async function contents(pool: SqlPool, near: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [table, column, order] of [
    ['job', 'queue', 'seq'],
    ['job_dependency', 'parent_queue', 'child_key'],
    ['event', 'queue', 'id'],
  ] as const) {
    const { rows } = await pool.query<{ row: unknown }>(
      `SELECT to_jsonb(t.*) AS row FROM ${table} AS t WHERE ${column} = ANY ($1) ORDER BY ${column}, ${order}`,
      [[near, `${near}-far`]],
    );
    found[table] = rows.map(({ row }) => {
      const fields = JSON.parse(JSON.stringify(row).replaceAll(near, 'near')) as Record<string, unknown>;
      for (const name of table === 'event' ? [...DIFFERENT, 'id'] : DIFFERENT) delete fields[name];
      // BullMQ writes down that there is none.
      const { opts } = fields as { readonly opts?: { delay?: number } };
      if (opts?.delay === 0) delete opts.delay;
      return fields;
    });
  }
  return found;
}
