import type { App } from '@oxbow/core';
import { readLedger } from '@oxbow/faults';
import { QUEUES } from './orders.ts';

/** What the first tasks of every canvas receive. */
export const START = 'start';

const STATES = ['waiting', 'prioritized', 'delayed', 'active', 'waiting-children', 'completed', 'failed'] as const;
const FINAL: readonly string[] = ['completed', 'failed'];

/** A job as the store has it. */
export interface FoundJob {
  /** `<id>@<queue>`. */
  readonly id: string;
  readonly task: string;
  readonly state: (typeof STATES)[number];
  /** Undefined on Oxbow's own jobs. */
  readonly label: string | undefined;
  readonly result: unknown;
  readonly reason: string | undefined;
}

/** What witnesses say of a round, when nothing of it moves any more. */
export interface Evidence {
  readonly jobs: readonly FoundJob[];
  readonly byLabel: ReadonlyMap<string, readonly FoundJob[]>;
  /** Inputs with which a job's handler was called, and what it returned, by job. */
  readonly inputs: ReadonlyMap<string, readonly unknown[]>;
  readonly outputs: ReadonlyMap<string, readonly unknown[]>;
}

/** Jobs that have not ended, in all queues. */
export async function openJobs(app: Pick<App, 'queue'>): Promise<number> {
  const counts = await Promise.all(QUEUES.map((queue) => app.queue(queue).getJobCounts()));
  return counts.reduce(
    (sum, count) => sum + Object.entries(count).reduce((open, [state, jobs]) => open + (FINAL.includes(state) ? 0 : jobs), 0),
    0,
  );
}

export async function collect(app: App, ledger: string): Promise<Evidence> {
  const jobs: FoundJob[] = [];
  for (const queue of QUEUES) for (const state of STATES) await collectState(app, { queue, state }, jobs);
  const entries = readLedger(ledger);
  const of = (word: string): Map<string, unknown[]> =>
    gather(entries.flatMap((entry) => (entry.word === word ? [[entry.id, JSON.parse(entry.note) as unknown] as const] : [])));
  const labelled = jobs.flatMap((job) => (job.label === undefined ? [] : [[job.label, job] as const]));
  return { jobs, byLabel: gather(labelled), inputs: of('start'), outputs: of('end') };
}

/** In one answer: on Postgres, BullMQ's pages of jobs that ended in the same millisecond have some of them twice and others not at all. */
async function collectState(
  app: App,
  { queue, state }: { readonly queue: string; readonly state: FoundJob['state'] },
  into: FoundJob[],
): Promise<void> {
  for (const job of await app.queue(queue).getJobs([state])) {
    const { in: input } = job.data as { readonly in?: { readonly label?: string } };
    into.push({
      id: `${job.id}@${queue}`,
      task: job.name,
      state,
      label: input?.label,
      result: job.returnvalue as unknown,
      reason: job.failedReason,
    });
  }
}

function gather<Value>(pairs: readonly (readonly [string, Value])[]): Map<string, Value[]> {
  const lists = new Map<string, Value[]>();
  for (const [key, value] of pairs) {
    const list = lists.get(key);
    if (list === undefined) lists.set(key, [value]);
    else list.push(value);
  }
  return lists;
}
