import type { Engine, FeedListener, JobEvent } from '../engine/engine.ts';
import { publicId } from '../task/id.ts';

/** Without an event for this long a watched job is looked up again: a result is never lost with an event. */
const RECHECK_MS = 15_000;

/** For this long after its last watch a queue's events are still read: the next watch costs nothing. */
const LINGER_MS = 5000;

export interface JobWatch {
  /** An event of the job; `completed` brings its result in the fields. */
  readonly onEvent: (event: JobEvent) => void;
  /** Look the job up: events may have been missed. */
  readonly onDoubt: () => void;
}

/** Ends of jobs that are remembered: an end that comes between the enqueue's answer and `result()` is found here. */
const REMEMBERED = 1000;

/** Hands the events of one shared feed to those who watch single jobs. */
export class Watcher {
  readonly #engine: Engine;
  /** Queue → job id → watches. */
  readonly #watches = new Map<string, Map<string, Set<JobWatch>>>();
  readonly #live = new Set<string>();
  readonly #lingering = new Map<string, NodeJS.Timeout>();
  /** Public id → the job's end, oldest first. */
  readonly #ended = new Map<string, JobEvent>();
  #endings = 0;
  #recheck: NodeJS.Timeout | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    const listener: FeedListener = { event: (event) => this.#dispatch(event), gap: (queue) => this.#doubt(queue) };
    engine.feed.listen(listener);
  }

  /**
   * Resolves when later events of the job will be delivered. The caller looks the job up after that.
   * Call the returned function when done.
   */
  async watch(queue: string, jobId: string, watch: JobWatch): Promise<() => void> {
    let jobs = this.#watches.get(queue);
    if (jobs === undefined) this.#watches.set(queue, (jobs = new Map()));
    let watches = jobs.get(jobId);
    if (watches === undefined) jobs.set(jobId, (watches = new Set()));
    watches.add(watch);
    clearTimeout(this.#lingering.get(queue));
    this.#lingering.delete(queue);
    this.#recheck ??= setInterval(() => this.#doubtAll(), RECHECK_MS).unref();
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
    this.#doubtAll();
    this.#watches.clear();
  }

  #remove(queue: string, jobId: string, watch: JobWatch): void {
    const jobs = this.#watches.get(queue);
    const watches = jobs?.get(jobId);
    if (jobs === undefined || watches === undefined) return;
    watches.delete(watch);
    if (watches.size === 0) jobs.delete(jobId);
    if (jobs.size === 0) this.#linger(queue);
  }

  #linger(queue: string): void {
    clearTimeout(this.#lingering.get(queue));
    this.#lingering.set(queue, setTimeout(() => this.#forget(queue), LINGER_MS).unref());
  }

  #forget(queue: string): void {
    this.#lingering.delete(queue);
    this.#live.delete(queue);
    this.#watches.delete(queue);
    this.#engine.feed.unwatch(queue);
    this.#voidMarks();
    if (this.#watches.size > 0) return;
    clearInterval(this.#recheck);
    this.#recheck = undefined;
  }

  #dispatch(event: JobEvent): void {
    const { name } = event;
    if (name === 'completed' || name === 'failed') this.#remember(event);
    const watches = this.#watches.get(event.queue)?.get(event.jobId);
    if (watches === undefined) return;
    for (const watch of [...watches]) watch.onEvent(event);
  }

  #remember(event: JobEvent): void {
    this.#endings += 1;
    this.#ended.set(publicId(event.jobId, event.queue), event);
    if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.keys().next().value as string);
  }

  #doubt(queue: string): void {
    this.#voidMarks();
    for (const watches of this.#watches.get(queue)?.values() ?? []) for (const watch of [...watches]) watch.onDoubt();
  }

  /** Events have been missed: marks taken before are worth nothing. */
  #voidMarks(): void {
    this.#endings += REMEMBERED;
  }

  #doubtAll(): void {
    for (const queue of [...this.#watches.keys()]) this.#doubt(queue);
  }
}
