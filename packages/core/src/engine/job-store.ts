import type { EngineReading, FailedChild, FlowJob, JobPlace, NewJob, StoredJob, UniqueAdded, UniqueRule } from './engine.ts';

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

/** A job's data as it was seen: JSON text of anybody's, or what {@link Swapped} has for it. */
export type Seen = { readonly json: string } | { readonly stored: string };

/** Whether a job's data was what the caller had seen; else what it is. */
export type Swapped = 'swapped' | 'unknown' | { readonly stored: string; readonly data: unknown };

/** What an engine does beyond BullMQ's own backend, each in one round trip. Lists are pages. */
export interface JobStore {
  /** @throws OxbowError `run_over`, and then nothing was added. */
  addFlow(jobs: readonly FlowJob[]): Promise<void>;
  addUnique(job: NewJob & { readonly queue: string }, rule: UniqueRule): Promise<UniqueAdded>;
  uniqueTurn(key: string, place: JobPlace): Promise<boolean>;
  leaveUnique(key: string, place: JobPlace): Promise<void>;
  replaceFailed(place: JobPlace, by: FlowJob): Promise<boolean>;
  childValues(join: JobPlace, children: readonly JobPlace[]): Promise<readonly ChildValue[]>;
  failedChildren(join: JobPlace): Promise<readonly FailedChild[]>;
  /** In the order asked. */
  findMany(places: readonly JobPlace[]): Promise<readonly (StoredJob | undefined)[]>;
  readQueues(queues: readonly string[]): Promise<readonly EngineReading[]>;
  take(place: JobPlace, taking: Taking): Promise<Taken>;
  /** Replaces the data of a job by compare-and-set. */
  swap(place: JobPlace, seen: Seen, next: string): Promise<Swapped>;
  /** Replaces the data of a job whose lock has this token. False: it is another's by now, or nobody's. */
  write(place: JobPlace, token: string, next: string): Promise<boolean>;
}
