import type { BackendFactory, IQueueBackend, QueueOptions, WorkerOptions } from 'bullmq';
import type { ActiveJobs } from './active-jobs.ts';
import type { EngineFacts, EngineKind, EventFeed, Replies, StoreServer, Transactions } from './engine.ts';
import type { JobStore } from './job-store.ts';
import type { LockAccess } from './lock-access.ts';

/** What differs between engines below the BullMQ code they share (bull-engine.ts). */
export interface Driver {
  readonly kind: EngineKind;
  /** Without credentials; for logs and errors. */
  readonly label: string;
  /** Concurrency of a queue from which a second lane pays; Infinity where it never does. */
  readonly laneSize: number;
  readonly feed: EventFeed;
  /** On the connection of the feed. */
  readonly replies?: Replies | undefined;
  /** Whether a call made now would find a connection; undefined where nobody knows before it is made. */
  readonly connected?: boolean | undefined;
  /** True where adds of one tick should share a statement. */
  readonly batches: boolean;
  /** How a second thread renews locks; undefined where no lock ends while its process lives. */
  readonly lockAccess?: LockAccess | undefined;
  /** To be called after `open`. Undefined where there are none. */
  readonly transactions?: Transactions | undefined;
  /** To be called after `open`, under `guard`. */
  readonly store: JobStore;
  /** To be called as `store` is. */
  readonly storeServer: StoreServer;
  /** Builds BullMQ's backend for a Queue or a Worker. */
  readonly backend: BackendFactory;
  /** Options every Queue gets. Read after `open` has been called (not necessarily resolved). */
  queueOptions(): QueueOptions;
  /** Options every Worker gets, over which a lane lays its own. */
  workerOptions(): WorkerOptions;
  /**
   * Connects and runs the start-up checks.
   * @throws EngineUnavailableError within the connect timeout, EngineUnsupportedError when the server will not do.
   */
  open(): Promise<EngineFacts>;
  /**
   * Runs a producer's call: rejects with EngineUnavailableError when the server stays away for the connect timeout,
   * before the call was sent where that is possible.
   */
  guard<T>(call: () => Promise<T>): Promise<T>;
  /** Gives the backend of a lane new connections: the server has been silent on those it has. */
  reconnect?(backend: IQueueBackend): void;
  /** Of a lane's queue; undefined where no reply can be lost. */
  activeJobs?(backend: IQueueBackend, queue: string): ActiveJobs;
  clockOffsetMs(): Promise<number | undefined>;
  evictionPolicy(): Promise<string>;
  close(): Promise<void>;
}
