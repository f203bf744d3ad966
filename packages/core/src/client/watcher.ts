import { setTimeout as wait } from 'node:timers/promises';
import type { Engine, FeedListener, JobEvent, StoredJob } from '../engine/engine.ts';
import { publicId } from '../task/id.ts';
import { LookUps } from './look-ups.ts';

/** Without an event for this long a watched job is looked up again: a result is never lost with an event. Then after twice as long, up to a minute. */
const RECHECK_MS = { first: 15_000, most: 60_000 } as const;

/** So often it is seen who is to be looked up again: few at a time. */
const TICK_MS = 3000;

/** An engine that is away is asked again so often, by who saw it away. */
const ASK_AGAIN_MS = 1000;

/** For this long after its last watch a queue's events are still read: the next watch costs nothing. Where ends are told most waits need none. */
const LINGER_MS = { untold: 5000, told: 250 } as const;

export interface JobWatch {
  /** An event of the job; `completed` brings its result in the fields. */
  readonly onEvent: (event: JobEvent) => void;
  /** Look the job up: events may have been missed. Or the app closes. */
  readonly onDoubt: () => void;
}

/** Ends of jobs that are remembered: an end that comes between the enqueue's answer and `result()` is found here. */
const REMEMBERED = 1000;

/** One job that somebody watches. */
interface Watched {
  readonly watches: Set<JobWatch>;
  recheckMs: number;
  recheckAt: number;
}

/** Hands the events of one shared feed to those who watch single jobs, and reads jobs for them. */
export class Watcher {
  readonly #engine: Engine;
  readonly #lookUps: LookUps;
  /** Queue → job id → who watches it. */
  readonly #watched = new Map<string, Map<string, Watched>>();
  readonly #live = new Set<string>();
  readonly #lingering = new Map<string, NodeJS.Timeout>();
  /** Public id → the job's end, oldest first. */
  readonly #ended = new Map<string, JobEvent>();
  #endings = 0;
  #recheck: NodeJS.Timeout | undefined;
  #later: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#lookUps = new LookUps(engine);
    const listener: FeedListener = { event: (event) => this.#dispatch(event), gap: (queue) => this.#doubt(queue) };
    engine.feed.listen(listener);
  }

  /**
   * Resolves when later events of the job will be delivered. The caller looks the job up after that.
   * Call the returned function when done.
   */
  async watch(queue: string, jobId: string, watch: JobWatch): Promise<() => void> {
    let jobs = this.#watched.get(queue);
    if (jobs === undefined) this.#watched.set(queue, (jobs = new Map()));
    let watched = jobs.get(jobId);
    if (watched === undefined) jobs.set(jobId, (watched = { watches: new Set(), ...recheckAfter(RECHECK_MS.first) }));
    watched.watches.add(watch);
    clearTimeout(this.#lingering.get(queue));
    this.#lingering.delete(queue);
    this.#recheck ??= setInterval(() => this.#doubtSilent(), TICK_MS).unref();
    try {
      await this.#engine.open();
      await this.#engine.feed.watch(queue);
      this.#live.add(queue);
    } catch (error) {
      this.#remove(queue, jobId, watch);
      throw error;
    }
    return () => this.#remove(queue, jobId, watch);
  }

  /** A job as it is now; shares its read with others. @throws EngineUnavailableError */
  find(queue: string, jobId: string): Promise<StoredJob | undefined> {
    return this.#lookUps.find({ queue, id: jobId });
  }

  /** Resolves when an engine that was away is to be asked again. */
  later(): Promise<void> {
    this.#later ??= wait(ASK_AGAIN_MS, undefined, { ref: false }).finally(() => (this.#later = undefined));
    return this.#later;
  }

  /**
   * Taken before a job is added: with it, `endOf` knows whether the job's end can have been missed. Undefined while
   * nobody watches the queue.
   */
  mark(queue: string): number | undefined {
    return this.#live.has(queue) ? this.#endings : undefined;
  }

  /**
   * The end of a job that was added after `mark`: its event, `not-yet` when it will be delivered to who watches,
   * `unknown` when it must be looked up.
   */
  endOf(queue: string, jobId: string, mark: number | undefined): JobEvent | 'not-yet' | 'unknown' {
    if (mark === undefined) return 'unknown';
    const event = this.#ended.get(publicId(jobId, queue));
    if (event !== undefined) return event;
    return this.#endings - mark < REMEMBERED ? 'not-yet' : 'unknown';
  }

  close(): void {
    clearInterval(this.#recheck);
    this.#recheck = undefined;
    for (const timer of this.#lingering.values()) clearTimeout(timer);
    for (const queue of [...this.#watched.keys()]) this.#doubt(queue);
    this.#watched.clear();
  }

  #remove(queue: string, jobId: string, watch: JobWatch): void {
    const jobs = this.#watched.get(queue);
    const watches = jobs?.get(jobId)?.watches;
    if (jobs === undefined || watches === undefined) return;
    watches.delete(watch);
    if (watches.size === 0) jobs.delete(jobId);
    if (jobs.size === 0) this.#linger(queue);
  }

  #linger(queue: string): void {
    clearTimeout(this.#lingering.get(queue));
    const ms = this.#engine.replies?.address === undefined ? LINGER_MS.untold : LINGER_MS.told;
    this.#lingering.set(queue, setTimeout(() => this.#forget(queue), ms).unref());
  }

  #forget(queue: string): void {
    this.#lingering.delete(queue);
    this.#live.delete(queue);
    this.#watched.delete(queue);
    this.#engine.feed.unwatch(queue);
    this.#voidMarks();
    if (this.#watched.size > 0) return;
    clearInterval(this.#recheck);
    this.#recheck = undefined;
  }

  #dispatch(event: JobEvent): void {
    const { name } = event;
    if (name === 'completed' || name === 'failed') this.#remember(event);
    const watched = this.#watched.get(event.queue)?.get(event.jobId);
    if (watched === undefined) return;
    Object.assign(watched, recheckAfter(RECHECK_MS.first));
    for (const watch of [...watched.watches]) watch.onEvent(event);
  }

  #remember(event: JobEvent): void {
    this.#endings += 1;
    this.#ended.set(publicId(event.jobId, event.queue), event);
    if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.keys().next().value as string);
  }

  #doubt(queue: string): void {
    this.#voidMarks();
    for (const { watches } of this.#watched.get(queue)?.values() ?? []) for (const watch of [...watches]) watch.onDoubt();
  }

  /** Events have been missed: marks taken before are worth nothing. */
  #voidMarks(): void {
    this.#endings += REMEMBERED;
  }

  #doubtSilent(): void {
    const now = performance.now();
    for (const jobs of this.#watched.values()) {
      for (const watched of jobs.values()) {
        if (now < watched.recheckAt) continue;
        Object.assign(watched, recheckAfter(Math.min(watched.recheckMs * 2, RECHECK_MS.most)));
        for (const watch of [...watched.watches]) watch.onDoubt();
      }
    }
  }
}

function recheckAfter(ms: number): Pick<Watched, 'recheckMs' | 'recheckAt'> {
  return { recheckMs: ms, recheckAt: performance.now() + ms };
}
