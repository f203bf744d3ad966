/**
 * The engine port: what the rest of core knows of the thing that holds jobs.
 *
 * One implementation a URL scheme (redis.ts, postgres.ts, embedded.ts). Only this folder imports `bullmq`; every other room
 * speaks the types of this file. A `StoredJob` is a copy: it never changes under the reader.
 */
import type { IQueueBackend, Queue } from 'bullmq';
import type { EventFeed, Replies } from './events.ts';
import type { FlowJob, JobPlace, NewJob } from './new-job.ts';
import type { EngineReading } from './queue-reading.ts';
import type { Transactions } from './transactions.ts';
import type { UniqueAdded, UniqueRule } from './unique-rule.ts';

export type { EventFeed, FeedListener, JobEvent, Replies, ToldEnd } from './events.ts';
export type { FlowJob, JobPlace, NewJob } from './new-job.ts';
export type { EngineReading, FinishedCounts, JobCounts } from './queue-reading.ts';
export type { Addition, StatementResult, Transaction, Transactions } from './transactions.ts';
export type { UniqueAdded, UniqueRule } from './unique-rule.ts';

export type EngineKind = 'redis' | 'embedded' | 'postgres';

/** The BullMQ Queue over any of its backends. */
// oxlint-disable-next-line no-explicit-any -- BullMQ's own parameters: jobs of any producer are in it
export type BullQueue = Queue<any, any, string, any, any, string, IQueueBackend>;

/** Where BullMQ keeps a job. */
export type StoredState = 'waiting' | 'delayed' | 'active' | 'waiting-children' | 'completed' | 'failed';

/** A child of a join that has finally failed. */
export interface FailedChild extends JobPlace {
  readonly reason: string;
}

/** What {@link Engine.end} found. */
export type EndedHow =
  /** It is failed now, and never started. */
  | 'ended'
  /** It runs, waits for children, or has ended already: nothing was changed. */
  | 'active'
  | 'parked'
  | 'final'
  | 'unknown';

/** One job as the engine holds it. Times are ms since the epoch. */
export interface StoredJob {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly state: StoredState;
  readonly data: unknown;
  readonly returnValue: unknown;
  readonly failedReason: string | undefined;
  readonly stack: readonly string[];
  readonly progress: unknown;
  readonly attempts: number;
  readonly attemptsMade: number;
  readonly attemptsStarted: number;
  readonly stalledCounter: number;
  readonly timestamp: number;
  readonly delayMs: number;
  /** BullMQ's scale; 0: none. */
  readonly priority: number;
  readonly processedOn: number | undefined;
  readonly finishedOn: number | undefined;
}

/** A job that a lane has taken and must give a {@link Verdict} on. */
export interface ActiveJob {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly data: unknown;
  /** As the producer wrote them; 0 when it did not. */
  readonly attempts: number;
  readonly attemptsMade: number;
  readonly attemptsStarted: number;
  readonly stalledCounter: number;
  readonly timestamp: number;
  readonly delayMs: number;
  readonly processedOn: number | undefined;
  /** From its enqueue, or the end of its delay, to its start; undefined when it has been started before. Of a join it counts from its run's enqueue. */
  readonly waitMs: number | undefined;
  /** As it was stored when the lane took the job. */
  readonly progress: unknown;
  readonly parent: JobPlace | undefined;
  /** True when the job brings a BullMQ backoff of its own (a plain BullMQ producer). */
  readonly hasOwnBackoff: boolean;
  /**
   * Replaces the stored data, while the job's lock is this lane's; false: it is not any more, and nothing has changed. A server that is
   * away is waited for.
   */
  updateData(data: unknown): Promise<boolean>;
  /** Stores progress and publishes the event. */
  updateProgress(progress: object): Promise<void>;
}

/**
 * What one attempt came to, as a value; the lane turns it into BullMQ's control flow. `recorded` is called when the
 * engine has it; never, when the lock was lost before.
 */
export type Verdict = { readonly recorded?: (() => void) | undefined } & Decision;

type Decision =
  /**
   * `flow` is added in the same atomic step, as by {@link Engine.addFlow}, and only while the job's lock is this lane's. When that is refused
   * because its run is over, the job is put back: who starts it again finds out. So it is when the job `unless`, of the same queue, has
   * failed: in that same step, so that who has seen it fail, and then this one active, knows that it does not complete.
   */
  | {
      readonly kind: 'complete';
      readonly value: unknown;
      readonly flow?: readonly FlowJob[] | undefined;
      readonly unless?: string | undefined;
    }
  /** Final: no attempt follows. `kept`: whatever the job itself says of its removal does not count. */
  | { readonly kind: 'fail'; readonly error: Error; readonly kept?: boolean }
  /** Uses an attempt. `delayMs` undefined: the backoff the job brought itself. */
  | { readonly kind: 'retry'; readonly error: Error; readonly delayMs: number | undefined }
  /** Uses no attempt: back to the head of the queue, or delayed. `move` moves it instead, should it be given: under the token of its lock. */
  | { readonly kind: 'putBack'; readonly delayMs: number; readonly move?: ((token: string) => Promise<void>) | undefined }
  /**
   * Uses no attempt: it waits for its children, which have been added to it while it ran, and then starts again, before
   * what has waited longer. At once, when none of them is to end any more.
   */
  | { readonly kind: 'park' };

export interface KeepFinished {
  readonly ageSeconds?: number;
  readonly count?: number;
}

export interface LaneOptions {
  readonly queue: string;
  readonly concurrency: number;
  readonly lockDurationMs: number;
  /** For how long a blocked event loop keeps its jobs; undefined: only as long as their locks last. */
  readonly maxBlockedMs: number | undefined;
  readonly keepSucceeded: KeepFinished | undefined;
  readonly keepFailed: KeepFinished | undefined;
  /** Never rejects. */
  readonly process: (job: ActiveJob) => Promise<Verdict>;
  readonly onError: (error: Error) => void;
  readonly onStalled: (jobId: string) => void;
  /** The lock of a job that is running here could not be renewed: another worker may start it. */
  readonly onLockLost: (jobId: string) => void;
  /** A job has started or ended, or a fetch has an answer: `held` may have changed. */
  readonly onSlots?: (() => void) | undefined;
}

/** What a watchdog sees of a lane. */
export interface LanePulse {
  /** Grows with every answer of the server to a fetch. */
  readonly answers: number;
  /** How long the server was asked to wait before it answers that there is no job. */
  readonly blockMs: number;
  readonly running: number;
  /** True when an answer is to come: it has started, has a free slot, and nothing keeps it from fetching. */
  readonly fetches: boolean;
}

/** One BullMQ Worker. */
export interface Lane {
  readonly queue: string;
  readonly pulse: LanePulse;
  /** How many jobs may run here at a time. */
  readonly slots: number;
  /** How many of them are taken: by jobs, and by fetches that may bring one at any moment. More than `slots` for a while when it has shrunk. */
  readonly held: number;
  /** Its last fetch has brought a job, so there may be more, and nothing but its slots keeps it from fetching. */
  readonly hungry: boolean;
  /** Starts to fetch. Returns at once; a server that is down is waited for. */
  start(): void;
  /** Resolves when the connections are up and the first fetch can happen. */
  ready(): Promise<void>;
  /** Stops fetching for a while, before it has started too; running jobs go on. A job that is fetched all the same is put back. */
  pause(): void;
  resume(): void;
  /**
   * Changes its slots, at once; 0: it fetches nothing. Jobs that run go on, and none starts until fewer run than there are slots: one that a
   * wait brings later is put back without using an attempt. A fetch that was on its way counts as a job that runs.
   */
  resize(slots: number): void;
  /** Stops fetching for good; resolves when no job runs here and the connections are closed. */
  close(): Promise<void>;
  /** Puts a running job back at the head of its queue without using an attempt. Its late verdict is ignored. */
  putBack(jobId: string): Promise<void>;
  /** Gives it new connections to its server. What was under way on the old ones is sent again. */
  reconnect(): void;
  /** Drops the connections without waiting for running jobs. */
  abandon(): Promise<void>;
}

/** What start-up found. `evictionPolicy` is `unknown` where CONFIG is refused and `none` where there is no such thing. */
export interface EngineFacts {
  readonly server: string;
  readonly version: string;
  readonly evictionPolicy: string;
}

/** A server that runs Lua scripts, each one round trip and atomic. */
export interface RedisStoreServer {
  readonly kind: 'redis';
  /** What the keys of all queues begin with, in BullMQ's layout; in the same slot. */
  readonly queues: string;
  readonly broadcastQueue: string;
  /** KEYS[1] is what all keys of the app's stores begin with. @throws EngineUnavailableError, OxbowError `engine_refused` */
  run(lua: string, args: readonly (string | number)[]): Promise<unknown>;
}

/** A server that runs statements on the tables and functions of store/sql/schema.ts. */
export interface SqlStoreServer {
  readonly kind: 'sql';
  readonly broadcastQueue: string;
  /** @throws EngineUnavailableError, OxbowError `engine_refused` */
  query<Row>(text: string, params: readonly unknown[]): Promise<readonly Row[]>;
}

/** The server under an engine, as the stores of Oxbow's own small state speak to it. */
export type StoreServer = RedisStoreServer | SqlStoreServer;

export interface Engine {
  readonly kind: EngineKind;
  /** Without credentials; for logs. */
  readonly label: string;
  /** Concurrency of a queue from which a second lane pays; Infinity where it never does. */
  readonly laneSize: number;
  readonly feed: EventFeed;
  /** Undefined where the feed wakes nobody for nothing. */
  readonly replies: Replies | undefined;
  readonly storeServer: StoreServer;
  /** Undefined where there are none. */
  readonly transactions: Transactions | undefined;
  /** Whether a call made now would find a connection; undefined where nobody knows before it is made. */
  readonly connected: boolean | undefined;
  /**
   * Connects and checks the server once; later calls return the same promise until it failed, then try again.
   * @throws EngineUnavailableError within `connectTimeout`; EngineUnsupportedError when the server will not do.
   */
  open(): Promise<EngineFacts>;
  /** The BullMQ Queue itself, for whatever Oxbow does not wrap. The engine closes it. */
  queue(name: string): BullQueue;
  /**
   * Adds one job in one round trip; calls of one tick share it. An id that exists is left as it is.
   * @throws EngineUnavailableError; OxbowError `engine_refused`, and then nothing was added.
   */
  add(queue: string, job: NewJob): Promise<void>;
  /**
   * Adds one job, unless one of the same key stands: looked at and added in one atomic round trip. A job counts as ended when the
   * engine says so, or has it no more: nobody need give a key back. Repeated with the same job it changes nothing.
   * @throws as `add`
   */
  addUnique(job: NewJob & { readonly queue: string }, rule: UniqueRule): Promise<UniqueAdded>;
  /** False for a job that was added to follow one of the same key which has not ended. One round trip. */
  uniqueTurn(key: string, place: JobPlace): Promise<boolean>;
  /** Forgets the key when it is this job's, or starts what follows it. Only for speed and space: see `addUnique`. */
  leaveUnique(key: string, place: JobPlace): Promise<void>;
  /**
   * Adds a flow as a whole, in one round trip: all of it or nothing. Parents stand before their children. A job that
   * exists is left as it is, and so is a child of which its parent has a record already, though retention has removed it:
   * to add a flow again changes nothing. Jobs without a parent may stand anywhere.
   * @throws EngineUnavailableError; OxbowError `engine_refused`; OxbowError `run_over` when a parent is gone, or a job
   * with one of the ids belongs to another parent.
   */
  addFlow(jobs: readonly FlowJob[]): Promise<void>;
  /**
   * Removes a failed job and adds another one, both or neither, in one round trip. False: it has not failed, or is not
   * there, and nothing was changed. The new job may be there already: then it is left as it is.
   * @throws EngineUnavailableError; OxbowError `engine_refused`
   */
  replaceFailed(place: JobPlace, by: FlowJob): Promise<boolean>;
  /**
   * What children of a join returned, in the order asked; undefined for one that has not succeeded. Kept with the join,
   * whatever retention does to the children. Read in pages. @throws EngineUnavailableError
   */
  childValues(join: JobPlace, children: readonly JobPlace[]): Promise<readonly ({ readonly value: unknown } | undefined)[]>;
  /** Children of a join that have finally failed, in no order. @throws EngineUnavailableError */
  failedChildren(join: JobPlace): Promise<readonly FailedChild[]>;
  /** As `find`, in the order asked; read in pages of one round trip each. @throws EngineUnavailableError */
  findMany(places: readonly JobPlace[]): Promise<readonly (StoredJob | undefined)[]>;
  /**
   * Ends a job that waits, is delayed or paused, as failed and without starting it: its join learns of it, and its events
   * are those of a failed job. `data` makes its new data of what is stored; it is called again when that has changed
   * meanwhile. Three round trips; one when the job is none that can be ended. When the process dies in the middle the job
   * has its new data and starts some seconds later: who runs it must look there first. Retention removes it as any failed
   * job, at the next end of one that a worker runs.
   * @param meanwhile - is called when the job is taken, so that nobody else decides how it ends, and has not ended.
   * @throws EngineUnavailableError; OxbowError `engine_refused`
   */
  end(place: JobPlace, data: (stored: unknown) => unknown, reason: string, meanwhile?: () => Promise<void>): Promise<EndedHow>;
  /**
   * Replaces the data of a job by what `change` makes of it, unless it has changed since it was `seen`: then `change` is called
   * again, with what it is now. Undefined leaves it as it is. One round trip, and one more for each time that it had changed.
   * Returns the data as it is then; undefined when there is no such job.
   * @throws EngineUnavailableError; OxbowError `engine_refused`
   */
  changeData(place: JobPlace, seen: unknown, change: (stored: unknown) => unknown): Promise<unknown>;
  /**
   * Tells every process of the app that listens, this one too; at most once, in order, lost when nobody listens.
   * @throws EngineUnavailableError; OxbowError `engine_refused`
   */
  broadcast(message: string): Promise<void>;
  /**
   * Calls `listener` for every broadcast from now on (resolved: it is heard), within milliseconds. `gap`: some may have been
   * missed. Rides on the connection of the event feed. Call what it resolves to when done. @throws EngineUnavailableError
   */
  onBroadcast(listener: (message: string) => void, gap: () => void): Promise<() => void>;
  /** BullMQ's pause of a queue, for all of its workers, or its end. @throws EngineUnavailableError; OxbowError `engine_refused` */
  setPaused(queue: string, paused: boolean): Promise<void>;
  /** One round trip. @throws EngineUnavailableError */
  find(queue: string, id: string): Promise<StoredJob | undefined>;
  /** In the order asked; a queue that nobody has used is empty. A round trip for some of them. @throws EngineUnavailableError */
  readQueues(queues: readonly string[]): Promise<readonly EngineReading[]>;
  lane(options: LaneOptions): Lane;
  /** Engine's clock minus ours in ms; undefined where they are one clock. */
  clockOffsetMs(): Promise<number | undefined>;
  /** Re-reads what can change under a running server. */
  evictionPolicy(): Promise<string>;
  close(): Promise<void>;
}
