/**
 * BullMQ's Postgres backend with its gaps closed, for every engine that speaks SQL.
 *
 * - Strings that Postgres refuses (NUL, lone surrogates) are stored escaped (json-escape.ts). Statements escape what goes
 *   in here; what comes out is unescaped by the column readers that the engine gives its client (`unescapingParsers`).
 * - A worker backs off while the global concurrency of its queue forbids to claim what waits there. BullMQ's own loop
 *   asks thousands of times a second.
 * - A parent is released when its children are removed, and waits again for a child that is tried again (sql-flows.ts).
 * - Retention is applied now and then instead of at every finished job (thinned-retention.ts).
 * - Jobs that end are counted by the statement that ends them (sql-finished.ts).
 * - A producer's call on a closed connection rejects. BullMQ's own never settles.
 *
 * `run`, `fetchEvents` and `collectMetrics` are private in BullMQ's typings, so they are replaced on the prototype; sql-backend.test.ts
 * fails when a new version of BullMQ no longer goes through them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresQueueBackend, type IQueueBackend, type JobJson, type PgQueryResult, type WorkerOptions } from 'bullmq';
import { OxbowError } from '../errors.ts';
import { followUpOf, type FollowUp } from './follow-up.ts';
import { escapeJson, escapeText, repairNestedJson } from './json-escape.ts';
import type { SqlPool } from './sql-flow.ts';
import { countingFinish, finishedOnSql } from './sql-finished.ts';
import { completeOnSql } from './sql-follow-up.ts';
import { removeUnprocessedChildren, retryFinishedJob, type SqlJob } from './sql-flows.ts';
import { ThinnedRetention } from './thinned-retention.ts';

type Run = (this: PostgresQueueBackend, command: string, params?: readonly unknown[]) => Promise<PgQueryResult>;
type FetchEvents = (this: PostgresQueueBackend, cursor: string) => Promise<{ readonly id: string; readonly fields: string[] }[]>;
type AddJob = Parameters<PostgresQueueBackend['addJob']>;
type Entry = Parameters<PostgresQueueBackend['addJobs']>[0][number];
type FlowEntry = Parameters<PostgresQueueBackend['addFlow']>[0][number];
type Query = (this: PostgresQueueBackend, text: string, params?: readonly unknown[]) => Promise<PgQueryResult>;
type Completed = Parameters<PostgresQueueBackend['moveToCompleted']>;
type Failed = Parameters<PostgresQueueBackend['moveToFailed']>;
type Retry = Parameters<PostgresQueueBackend['retryFinishedJob']>;
type Woken = Awaited<ReturnType<PostgresQueueBackend['waitForJob']>>;

/** Which parameters of a command are user data. Batches are escaped entry by entry, before they become one JSON text. */
const USER_JSON: Readonly<Record<string, readonly number[]>> = {
  add_job: [3],
  update_data: [2],
  update_progress: [2],
  move_to_completed: [3],
  move_to_completed_fetch: [3],
  move_to_failed: [4],
  move_to_failed_fetch: [4],
  move_to_delayed: [7],
  retry_job: [5],
  publish_event: [2],
  add_job_scheduler: [3],
  update_job_scheduler: [3],
};
const USER_TEXT: Readonly<Record<string, readonly number[]>> = {
  move_to_failed: [3],
  move_to_failed_fetch: [3],
  move_to_delayed: [6],
  retry_job: [4],
  add_log: [2],
};

/**
 * From so many jobs on BullMQ's bulk function is faster than its function for flows, which makes no temporary tables: 10
 * jobs take 6.1 and 3.0 ms, 100 take 7.8 and 8.0.
 */
const BULK_PAYS = 100;

/** Wake-ups in a row that led to no job before the reason is looked up. */
const PATIENCE = 2;
const BACK_OFF_MS = { first: 5, most: 100 } as const;

export class SqlBackend extends PostgresQueueBackend {
  #woken = false;
  #emptyHanded = 0;
  #backingOff: AbortController | undefined;
  readonly #completedRetention = new ThinnedRetention();
  readonly #failedRetention = new ThinnedRetention();

  override forQueue(queueName: string): IQueueBackend {
    const Same = this.constructor as new (...args: ConstructorParameters<typeof PostgresQueueBackend>) => SqlBackend;
    return new Same(this.connection, queueName, this.opts, false);
  }

  /** @throws OxbowError `closed` */
  override async addJob(...args: AddJob): Promise<string> {
    this.#mustBeOpen();
    return super.addJob(...args);
  }

  /** @throws OxbowError `closed` */
  override async addJobs(entries: Entry[]): Promise<string[]> {
    this.#mustBeOpen();
    const only = entries.length === 1 ? entries[0] : undefined;
    if (only !== undefined && isIndependent(only)) return [await super.addJob(only.job, only.jobId, only.parentKeyOpts)];
    const escaped = entries.map((entry) => ({ ...entry, job: escapeData(entry.job) }));
    if (entries.length >= BULK_PAYS || !entries.every(isIndependent)) return super.addJobs(escaped);
    const batch = escaped.map(({ job, jobId }) => this['toBatchEntry'](this.queueName, job, jobId, {}) as object);
    const { rows } = await (this['run'] as Run)('add_flow', [JSON.stringify(batch)]);
    return rows.map(({ id }) => id as string);
  }

  /** @throws OxbowError `closed` */
  override async addFlow(entries: FlowEntry[]): ReturnType<PostgresQueueBackend['addFlow']> {
    this.#mustBeOpen();
    return super.addFlow(entries.map((entry) => ({ ...entry, jobData: escapeData(entry.jobData) })));
  }

  override async getProcessedChildrenValues(jobId: string): Promise<Record<string, string>> {
    const values = await super.getProcessedChildrenValues(jobId);
    for (const key of Object.keys(values)) values[key] = repairNestedJson(values[key] as string);
    return values;
  }

  /** Without BullMQ's counts by the minute. */
  override async getMetrics(type: 'completed' | 'failed'): Promise<[string[], string[], number]> {
    return [[await finishedOnSql(this.connection.pool as unknown as SqlPool, this.queueName, type), '0', '0'], [], 0];
  }

  override async removeUnprocessedChildren(jobId: string): Promise<void> {
    await removeUnprocessedChildren(this.#job(jobId));
  }

  override async retryFinishedJob(...args: Retry): Promise<void> {
    const [job] = args;
    await retryFinishedJob(this.#job(job.id as string), (backend) => backend.retryFinishedJob(...args));
  }

  override async moveToCompleted(
    ...[job, value, remove, token, fetchNext]: Completed
  ): ReturnType<PostgresQueueBackend['moveToCompleted']> {
    const id = job.id as string;
    const flow = followUpOf(job);
    if (flow !== undefined) this.#flows.set(id, flow);
    try {
      const due = this.#completedRetention.due(remove ?? this.#workerOptions.removeOnComplete);
      return await super.moveToCompleted(job, value, due, token, fetchNext);
    } finally {
      if (flow !== undefined) this.#flows.delete(id);
    }
  }

  override async moveToFailed(
    ...[job, reason, remove, token, fetchNext, fields]: Failed
  ): ReturnType<PostgresQueueBackend['moveToFailed']> {
    return super.moveToFailed(job, reason, this.#failedRetention.due(remove ?? this.#workerOptions.removeOnFail), token, fetchNext, fields);
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- BullMQ's type of a claimed job
  override async moveToActive(token: string, name?: string): Promise<any[]> {
    const claim = await super.moveToActive(token, name as string);
    if (claim[0]) this.#emptyHanded = 0;
    else if (this.#woken) this.#emptyHanded++;
    this.#woken = false;
    return claim;
  }

  override async waitForJob(blockTimeout: number): Promise<Woken> {
    if (this.#emptyHanded >= PATIENCE) await this.#backOff();
    const woken = await super.waitForJob(blockTimeout);
    this.#woken = woken !== null;
    return woken;
  }

  override async disconnectBlocking(wait?: boolean): Promise<void> {
    this.#backingOff?.abort();
    await super.disconnectBlocking(wait);
  }

  override async disconnect(): Promise<void> {
    this.#backingOff?.abort();
    await super.disconnect();
  }

  /** Returns at once unless the global concurrency holds the waiting jobs back: to lose a race for a job is no reason to wait. */
  async #backOff(): Promise<void> {
    if (!(await this.isMaxed())) {
      this.#emptyHanded = 0;
      return;
    }
    const delay = Math.min(BACK_OFF_MS.first * 2 ** (this.#emptyHanded - PATIENCE), BACK_OFF_MS.most);
    this.#backingOff = new AbortController();
    await sleep(delay, undefined, { signal: this.#backingOff.signal }).catch(() => undefined);
    this.#backingOff = undefined;
  }

  get #flows(): Map<string, FollowUp> {
    let own = flows.get(this);
    if (own === undefined) flows.set(this, (own = new Map<string, FollowUp>()));
    return own;
  }

  #job(id: string): SqlJob {
    return { connection: this.connection, opts: this.opts, queue: this.queueName, id };
  }

  get #workerOptions(): WorkerOptions {
    return this.opts as unknown as WorkerOptions;
  }

  #mustBeOpen(): void {
    if (this.connection.isClosing) throw new OxbowError('closed', `The queue "${this.queueName}" has been closed.`);
  }
}

function isIndependent({ job, parentKeyOpts }: Entry): boolean {
  return job.parent === undefined && job.deduplicationId === undefined && !parentKeyOpts?.addToWaitingChildren;
}

function escapeData(job: JobJson): JobJson {
  const data = escapeJson(job.data);
  return data === job.data ? job : { ...job, data };
}

const stockRun = PostgresQueueBackend.prototype['run'] as Run;
const stockFetchEvents = PostgresQueueBackend.prototype['fetchEvents'] as FetchEvents;

/** What is to be added with the ends that are being told, by backend and job. */
const flows = new WeakMap<PostgresQueueBackend, Map<string, FollowUp>>();

/**
 * The transaction has its id before the event has, as in all else that writes events: who reads them waits for transactions by their ids
 * (postgres-events.ts), and would pass over an event of one that has none yet.
 */
const PUBLISH = 'SELECT publish_event($1, $2, $3::jsonb) AS id FROM pg_current_xact_id()';

const escapingRun: Run = function run(command, params) {
  const json = USER_JSON[command];
  const text = USER_TEXT[command];
  if (params === undefined || (json === undefined && text === undefined)) return stockRun.call(this, command, params);
  const escaped = [...params];
  for (const index of json ?? []) if (typeof escaped[index] === 'string') escaped[index] = escapeJson(escaped[index]);
  for (const index of text ?? []) if (typeof escaped[index] === 'string') escaped[index] = escapeText(escaped[index]);
  const counts = (this['opts'] as unknown as WorkerOptions).metrics !== undefined;
  const followUp = command.startsWith('move_to_completed') ? flows.get(this)?.get(escaped[1] as string) : undefined;
  if (followUp !== undefined)
    return completeOnSql(this['connection'].pool as unknown as SqlPool, { command, params: escaped, followUp, counts });
  const own = command === 'publish_event' ? PUBLISH : counts ? countingFinish(command) : undefined;
  return own === undefined ? stockRun.call(this, command, escaped) : (this['query'] as Query)(own, escaped);
};

const repairingFetchEvents: FetchEvents = async function fetchEvents(cursor) {
  const events = await stockFetchEvents.call(this, cursor);
  for (const { fields } of events) repairFields(fields);
  return events;
};

/** The job has been counted when it ended. */
const countsNothing = (): Promise<void> => Promise.resolve();

Object.assign(SqlBackend.prototype, { run: escapingRun, fetchEvents: repairingFetchEvents, collectMetrics: countsNothing });

/** In an event these fields are JSON text inside JSON. */
const NESTED_JSON = new Set(['returnvalue', 'data']);

/** Makes the nested JSON of an event readable again; `fields` are names and values in turn, and changed in place. */
export function repairFields(fields: string[]): void {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (NESTED_JSON.has(fields[at] as string)) fields[at + 1] = repairNestedJson(fields[at + 1] as string);
  }
}
