import { Worker } from 'node:worker_threads';
import type { FromThread, GuardedLane, ToThread } from './lock-access.ts';

/** Its heap is small; what it holds is one connection. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 } as const;
const MAX_BEAT_MS = 500;
const RESTART_MS = 1000;
/** Without a job for so long the process needs no thread. */
const REST_AFTER_MS = 300_000;

export interface LaneGuardOptions extends Omit<GuardedLane, 'id' | 'extending'> {
  /** The locks are not safe for now: the thread has no connection, or ended. Told once until it works again. */
  readonly onTrouble: (error: Error) => void;
  /** There are jobs whose locks may have to be kept. */
  readonly isBusy: () => boolean;
}

/** Keeps the locks of one lane while the event loop is blocked. */
export interface LaneGuard {
  /** A job has come. The thread runs from then on, until no lane has had one for five minutes. */
  working(): void;
  /** Around each renewal that the main thread makes: one that gets no answer is made by the thread. */
  extending<T>(renewal: () => Promise<T>): Promise<T>;
  release(): Promise<void>;
}

const here = import.meta.url;
/** From sources (our tests) it runs where the process was started with a loader, which threads have to be given anew. */
const fromSources = here.endsWith('.ts');
const LOAD_SOURCE = `import('tsx/esm/api').then((tsx) => (tsx.register(), import(${JSON.stringify(here.replace('renewal-thread', 'lock-thread'))})))`;

let running: RenewalThread | undefined;
/** False once a thread has ended before it ran: it cannot run here (a bundle without its file). */
let runsHere = !fromSources || process.execArgv.includes('tsx');
let nextId = 1;

/**
 * One thread serves every lane of the process; it starts with the first job, so that a worker that has none does not pay its memory. It needs
 * no turn of this event loop to start: a job may block from its first instruction. Undefined where there can be none; `onTrouble` has been
 * told then.
 */
export function guardLane(options: LaneGuardOptions): LaneGuard | undefined {
  const { onTrouble, isBusy, ...rest } = options;
  if (!runsHere) return undefined;
  const extending = new Int32Array(new SharedArrayBuffer(4));
  const lane: GuardedLane = { ...rest, id: nextId++, extending };
  try {
    structuredClone(lane);
  } catch (cause) {
    onTrouble(new Error('The connection options hold functions, which the lock renewal thread cannot be given.', { cause }));
    return undefined;
  }
  running ??= new RenewalThread();
  const thread = running;
  thread.guard({ lane, onTrouble, isBusy });
  return {
    working: () => thread.working(),
    extending: async (renewal) => {
      Atomics.add(extending, 0, 1);
      try {
        return await renewal();
      } finally {
        Atomics.add(extending, 0, 1);
      }
    },
    release: async () => {
      if (thread.release(lane.id) > 0 || running !== thread) return;
      running = undefined;
      await thread.stop();
    },
  };
}

interface Guarded extends Pick<LaneGuardOptions, 'onTrouble' | 'isBusy'> {
  readonly lane: GuardedLane;
}

class RenewalThread {
  readonly #beat = new Int32Array(new SharedArrayBuffer(4));
  readonly #lanes = new Map<number, Guarded>();
  #thread: Worker | undefined;
  #beating: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #wasReady = false;
  #idleMs = 0;

  guard(guarded: Guarded): void {
    this.#lanes.set(guarded.lane.id, guarded);
    if (this.#beating !== undefined) this.#keepBeating();
    this.#tell({ guard: guarded.lane });
  }

  working(): void {
    this.#idleMs = 0;
    if (this.#beating !== undefined || !runsHere) return;
    this.#keepBeating();
    this.#start();
  }

  /** Returns how many lanes are left. */
  release(id: number): number {
    if (this.#lanes.delete(id)) this.#tell({ release: id });
    return this.#lanes.size;
  }

  async stop(): Promise<void> {
    clearInterval(this.#beating);
    clearTimeout(this.#restart);
    const thread = this.#thread;
    [this.#beating, this.#restart, this.#thread] = [undefined, undefined, undefined];
    await thread?.terminate();
  }

  #keepBeating(): void {
    const shortest = Math.min(...[...this.#lanes.values()].map(({ lane }) => lane.lockDurationMs));
    const everyMs = Math.min(MAX_BEAT_MS, shortest / 16);
    clearInterval(this.#beating);
    this.#beating = setInterval(() => this.#turned(everyMs), everyMs).unref();
  }

  #turned(sinceMs: number): void {
    Atomics.add(this.#beat, 0, 1);
    const isBusy = [...this.#lanes.values()].some((guarded) => guarded.isBusy());
    this.#idleMs = isBusy ? 0 : this.#idleMs + sinceMs;
    if (this.#idleMs >= REST_AFTER_MS) void this.stop();
  }

  #start(): void {
    const thread = spawn(this.#beat);
    this.#thread = thread;
    for (const { lane } of this.#lanes.values()) this.#tell({ guard: lane });
    let failure: unknown;
    thread.on('message', (message: FromThread) => this.#hear(message));
    thread.on('error', (error) => (failure = error));
    thread.on('exit', () => {
      if (this.#thread === thread) this.#died(failure);
    });
    // After the listeners: one for messages makes the port hold the process again.
    thread.unref();
  }

  #hear(message: FromThread): void {
    if (message.kind === 'ready') this.#wasReady = true;
    else this.#lanes.get(message.lane)?.onTrouble(new Error(`The lock renewal thread could not renew: ${message.message}`));
  }

  #died(cause: unknown): void {
    this.#thread = undefined;
    const [first] = this.#lanes.values();
    first?.onTrouble(
      new Error('The lock renewal thread ended: while the event loop is blocked, the locks of its jobs are not renewed.', { cause }),
    );
    runsHere &&= this.#wasReady;
    if (!runsHere) return;
    this.#wasReady = false;
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.#start();
    }, RESTART_MS).unref();
  }

  #tell(message: ToThread): void {
    this.#thread?.postMessage(message);
  }
}

/** Compiled, its file is beside this one; in the form that bundlers know. */
function spawn(beat: Int32Array<SharedArrayBuffer>): Worker {
  const options = { name: 'oxbow-locks', workerData: beat, resourceLimits: LIMITS };
  if (fromSources) return new Worker(LOAD_SOURCE, { ...options, eval: true });
  return new Worker(new URL('./lock-thread.js', import.meta.url), options);
}
