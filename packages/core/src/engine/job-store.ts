import type { FailedChild, FlowJob, JobPlace, StoredJob } from './engine.ts';

/** What a join has of a child that succeeded. */
export type ChildValue = { readonly value: unknown } | undefined;

/** How a job is taken out of the queue to be ended, as {@link Engine.end} says it. */
export interface Taking {
  /** The lock's owner: a repeated call with the same one finds its own work. */
  readonly token: string;
  readonly lockMs: number;
  /** What the job had when it was looked at, and what it gets. Absent: it is only looked at. */
  readonly data?: { readonly seen: string; readonly next: string };
}

export type Taken =
  | 'taken'
  | 'active'
  | 'parked'
  | 'final'
  | 'unknown'
  /** It can be taken. `seen` stands for its data as it is now, which is not what the call expected. */
  | { readonly seen: string; readonly data: unknown };

/** What an engine does beyond BullMQ's own backend, each in one round trip. Lists are pages. */
export interface JobStore {
  /** @throws OxbowError `run_over`, and then nothing was added. */
  addFlow(jobs: readonly FlowJob[]): Promise<void>;
  replaceFailed(place: JobPlace, by: FlowJob): Promise<boolean>;
  childValues(join: JobPlace, children: readonly JobPlace[]): Promise<readonly ChildValue[]>;
  failedChildren(join: JobPlace): Promise<readonly FailedChild[]>;
  /** Undefined where as many calls for one job each are one round trip. */
  findMany?(places: readonly JobPlace[]): Promise<readonly (StoredJob | undefined)[]>;
  take(place: JobPlace, taking: Taking): Promise<Taken>;
}
