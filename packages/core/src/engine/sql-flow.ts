import type { PgQueryResult } from 'bullmq';
import type { FlowJob, JobPlace } from './engine.ts';
import { toJobJson } from './job-json.ts';
import { escapeJson } from './json-escape.ts';
import { codeOf, isConnectionFailure } from './postgres-errors.ts';
import { runOver, type FlowRefusal } from './run-over.ts';

/** Statements on tables and functions of the app's schema. Column readers unescape (json-escape.ts). */
export interface SqlPool {
  query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>>;
}

/** A statement takes no further flow when it has this many jobs. */
export const FULL = 1000;
/** Its parent is held by another transaction. */
const HELD = 1;
/** What oxbow_add_flows raises when its look was overtaken. */
export const OVERTAKEN = 'OX001';
const TRIES = 3;

const ADD_FLOWS = 'oxbow_add_flows($1::jsonb, $2::text[], $3::text[], $4::text[], $5) AS refused';
/** $6 queue and $7 id of what is removed. */
const REPLACE_FAILED = `
WITH removed AS (DELETE FROM job WHERE queue = $6 AND id = $7 AND state = 'failed' RETURNING 1)
SELECT ${ADD_FLOWS} FROM removed`;

interface Waiting {
  readonly jobs: readonly FlowJob[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface Refused {
  readonly flow: number;
  readonly code: FlowRefusal | typeof HELD;
  readonly id: string;
}

/** Flows that are added in one tick share statements, so none of them may need another one of them; each is added or refused for itself, as in {@link AddBatch}. */
export class SqlFlowBatch {
  readonly #pool: SqlPool;
  #waiting: Waiting[] = [];

  constructor(pool: SqlPool) {
    this.#pool = pool;
  }

  /** @throws OxbowError `run_over`, and then nothing of this flow was added. */
  add(jobs: readonly FlowJob[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ jobs, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    let batch: Waiting[] = [];
    let size = 0;
    for (const one of this.#waiting) {
      batch.push(one);
      size += one.jobs.length;
      if (size < FULL) continue;
      void this.#send(batch);
      [batch, size] = [[], 0];
    }
    this.#waiting = [];
    if (batch.length > 0) void this.#send(batch);
  }

  async #send(batch: readonly Waiting[], tries = TRIES): Promise<void> {
    const [only] = batch;
    try {
      const refused = new Map((await this.#store(batch)).map((one) => [one.flow, one]));
      for (const [flow, waiting] of batch.entries()) {
        const refusal = refused.get(flow);
        if (refusal === undefined) waiting.resolve();
        else if (refusal.code === HELD) void this.#send([waiting]);
        else waiting.reject(runOver(refusal.code, refusal.id));
      }
    } catch (error) {
      if (batch.length > 1 && !isConnectionFailure(error)) await Promise.all(batch.map((one) => this.#send([one])));
      else if (batch.length === 1 && only !== undefined && codeOf(error) === OVERTAKEN && tries > 1) await this.#send([only], tries - 1);
      else for (const { reject } of batch) reject(error);
    }
  }

  async #store(batch: readonly Waiting[]): Promise<readonly Refused[]> {
    const { jobs, queues, outside } = toFlowArguments(batch.map((one) => one.jobs));
    const { rows } = await this.#pool.query<{ readonly refused: readonly Refused[] | null }>(`SELECT ${ADD_FLOWS}`, [
      jobs,
      queues,
      outside.map(({ queue }) => queue),
      outside.map(({ id }) => id),
      batch.length === 1,
    ]);
    return rows[0]?.refused ?? [];
  }
}

/** Removes a failed job and adds another one; false, and nothing has changed, when it has not failed. */
export async function replaceFailedOnSql(pool: SqlPool, { queue, id }: JobPlace, by: FlowJob): Promise<boolean> {
  const { jobs, queues } = toFlowArguments([[by]]);
  const { rowCount } = await pool.query(REPLACE_FAILED, [jobs, queues, [], [], true, queue, id]);
  return rowCount === 1;
}

/** What oxbow_add_flows takes: the jobs as JSON text, their queues, and parents that are not among them. */
export function toFlowArguments(flows: readonly (readonly FlowJob[])[]): {
  readonly jobs: string;
  readonly queues: readonly string[];
  readonly outside: readonly JobPlace[];
} {
  const parents = new Map<string, JobPlace>();
  const queues = new Set<string>();
  const jobs: string[] = [];
  for (const [flow, own] of flows.entries()) {
    const children = new Map(own.map((job) => [keyOf(job), 0]));
    for (const { parent } of own) {
      if (parent === undefined) continue;
      const known = children.get(keyOf(parent));
      if (known === undefined) parents.set(keyOf(parent), parent);
      else children.set(keyOf(parent), known + 1);
    }
    for (const job of own) {
      const { parent } = job;
      queues.add(job.queue).add(parent?.queue ?? job.queue);
      const inside = parent !== undefined && children.has(keyOf(parent));
      jobs.push(toFlowJson(job, { flow, inside, children: children.get(keyOf(job)) ?? 0 }));
    }
  }
  return { jobs: `[${jobs.join(',')}]`, queues: [...queues], outside: [...parents.values()] };
}

/** A job as oxbow_add_flows reads it. Its data is JSON text already. */
export function toFlowJson(job: FlowJob, more: { readonly flow: number; readonly inside: boolean; readonly children: number }): string {
  const { id, name, data, opts, timestamp, delay, priority } = toJobJson(job);
  const { queue, parent, attempts = 1, parked = false } = job;
  const option = job.onFailure === 'ignore' ? 'ignoreDependencyOnFailure' : 'continueParentOnFailure';
  const family = parent === undefined ? {} : { parent_queue: parent.queue, parent_id: parent.id };
  const options = parent === undefined ? opts : { ...opts, [option]: true };
  const rest = JSON.stringify({ queue, id, name, opts: options, priority, delay, timestamp, attempts, parked, ...family, ...more });
  return `${rest.slice(0, -1)},"data":${escapeJson(data)}}`;
}

function keyOf({ queue, id }: JobPlace): string {
  return `${queue}:${id}`;
}
