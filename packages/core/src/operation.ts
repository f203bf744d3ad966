import type { BackgroundState } from './client/background.ts';
import type { EngineFacts, EngineKind, EngineReading } from './engine/engine.ts';
import type { FleetWorker } from './fleet/fleet-worker.ts';
import type { SignalListener, SignalName } from './signals.ts';
import type { WorkerState } from './worker/state.ts';
import type { Worker } from './worker/worker.ts';

export type { BackgroundState } from './client/background.ts';
export type { EngineFacts } from './engine/engine.ts';
export type { FleetQueue, FleetWorker } from './fleet/fleet-worker.ts';

/** The engine of an app, as this process knows it. */
export interface EngineState {
  readonly kind: EngineKind;
  /** Without credentials. */
  readonly label: string;
  /** Whether a call made now would find a connection; undefined where nobody knows before it is made. */
  readonly connected: boolean | undefined;
  /** What the server said at the start, and of its eviction policy every hour; undefined until it has been opened and found fit. */
  readonly facts: EngineFacts | undefined;
  /** True when the server may evict jobs, unless `createApp({ evictionPolicy: 'ignore' })` was told. */
  readonly evicts: boolean;
}

/** open → closing → closed. */
export type AppPhase = 'open' | 'closing' | 'closed';

/** What a worker is named by: what `app.worker()` returned. */
export type AnyWorker = Pick<Worker, 'describe'>;

/** A task as it was declared. */
export interface TaskState {
  readonly name: string;
  readonly queue: string;
  /** False of a contract. */
  readonly hasHandler: boolean;
}

/** Of packages. */
export interface Versions {
  readonly core: string;
  readonly bullmq: string;
}

/** What a probe of the store found: it works. */
export interface StoreProbe {
  /** Of the round trip. */
  readonly latencyMs: number;
}

/** A queue as the engine has it now, whoever reads it. */
export interface QueueReading extends EngineReading {
  /** 0 also where the app keeps none. */
  readonly deadLetters: number;
  /** Since the first of them was written; 0: there is none. */
  readonly oldestDeadLetterAgeMs: number;
}

/**
 * What an app's part in this process shows to those who watch over it: metrics, health, dashboards. Nothing can be changed, and
 * nothing asks the server but what returns a promise.
 */
export interface Operation {
  readonly app: string;
  /** In the child of an isolated task: there is no engine, and nothing to watch over. What listens in the worker's process must not listen there. */
  readonly isolated: boolean;
  engine(): EngineState;
  /** Those that were made here, drained ones too. */
  workers(): readonly WorkerState[];
  /** Of one of them. @throws OxbowError `invalid_options` when it is none of this app */
  worker(worker: AnyWorker): WorkerState;
  phase(): AppPhase;
  /** Those that run now, in all processes: `app.fleet.workers()`. Asks the server. @throws EngineUnavailableError */
  fleet(): Promise<readonly FleetWorker[]>;
  /** Of this process: those that it can enqueue, and of which it may have the handler. */
  tasks(): readonly TaskState[];
  /** Those that hold jobs, those (on Redis) that a worker has ever served, and those of this process's tasks; sorted. @throws EngineUnavailableError */
  queues(): Promise<readonly string[]>;
  /** What runs here. */
  versions(): Versions;
  /** Of `app.background`, since the app was made. */
  background(): BackgroundState;
  /**
   * What the engine has of these queues, in the order asked; the same from every process. One that nobody has used is empty. Each queue is read in
   * one atomic step; all of them take one round trip, or on SQL one for each ten queues, and one more for the dead letters.
   * @throws EngineUnavailableError; OxbowError `invalid_name`
   */
  readQueues(queues: readonly string[]): Promise<readonly QueueReading[]>;
  /**
   * Writes something small to the store, reads it and takes it away again: one round trip, and nobody sees it. Opens the engine.
   * @throws EngineUnavailableError after `connectTimeout`; OxbowError `engine_refused` (no memory, no disk), `engine_unsupported`;
   * the server's own error when it may not be written to
   */
  probe(): Promise<StoreProbe>;
  /** The app's signals; returns the function that stops it. @throws OxbowError `invalid_options` */
  on<Name extends SignalName>(name: Name, listener: SignalListener<Name>): () => void;
}
