import type { EventLoopLag } from '../signals.ts';

/** new → starting → running → draining → drained. */
export type WorkerPhase = 'new' | 'starting' | 'running' | 'draining' | 'drained';

/** One fetch loop. A queue with many slots has several. */
export interface LaneState {
  readonly queue: string;
  readonly running: number;
  /** False while it has no free slot, is held (paused, clock skew) or is being closed. */
  readonly fetching: boolean;
  /** The server has answered a fetch, since it began. */
  readonly fetched: boolean;
  /**
   * When it was last seen well, ms since the epoch and to the second: its server had answered a fetch or was not yet to answer it, or the lane had
   * no free slot or was paused. 0: it has not been looked at yet.
   */
  readonly lastFetchAt: number;
  /** How long the server has not answered a fetch that it should answer, to the second. An idle lane is answered every 5 to 10 s. */
  readonly silentMs: number;
  /** For how long the server was asked to wait for a job, in the fetch that is under way. */
  readonly blockMs: number;
  /** The server was silent for too long, and the connections are being replaced. */
  readonly stuck: boolean;
}

/** A job that runs now. */
export interface RunningState {
  /** Public id. */
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** From 1. */
  readonly attempt: number;
  /** Since it was fetched. */
  readonly runningMs: number;
}

/** A handler whose attempt was ended (time limit, heartbeat, `cancel({ terminate: true })`), and that still runs. It holds no slot. */
export interface OverrunState {
  /** Public id of the job. */
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** The one that was ended. */
  readonly attempt: number;
  /** Since that. */
  readonly overMs: number;
  /** What it was ended with. */
  readonly code: string;
}

/** How long a drain takes at most, without what it calls at its end (`shutdown`, background calls). */
export interface DrainState {
  readonly softMs: number;
  readonly hardMs: number;
  /** When what still runs is put back, in ms since the epoch; undefined while it does not drain. */
  readonly endsAt: number | undefined;
}

/** A worker's place in the registry of its app. */
export interface RegistrationState {
  /** Since the last beat that the registry has. */
  readonly ageMs: number;
  /** How long that keeps it there. */
  readonly leaseMs: number;
}

/** A worker of this process at one moment. */
export interface WorkerState {
  /** `<host>:<pid>:<random>`. */
  readonly id: string;
  readonly phase: WorkerPhase;
  /** Queue → slots. */
  readonly queues: Readonly<Record<string, number>>;
  /** Queues that this worker does not fetch for now, by `worker.pause` or the fleet. */
  readonly paused: readonly string[];
  readonly lanes: readonly LaneState[];
  /** Oldest first. */
  readonly running: readonly RunningState[];
  /** Oldest first. */
  readonly overruns: readonly OverrunState[];
  /** Zeros until it runs. */
  readonly eventLoop: EventLoopLag;
  /** Engine's clock minus this one, at the last look; undefined where they are one clock, or none has answered yet. */
  readonly clockOffsetMs: number | undefined;
  /** True while the clocks differ too much to fetch. */
  readonly clockSkewed: boolean;
  readonly drain: DrainState;
  /** Undefined: it is not in the registry, as before its start and after its end. */
  readonly registration: RegistrationState | undefined;
}
