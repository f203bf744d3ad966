import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Logger } from '../log.ts';
import type { EventLoopLag, SignalBus } from '../signals.ts';

/** A loop that stands still for longer than this is blocked; below, it lags. */
export const BLOCKED_MS = 1000;

const BEAT_MS = 250;
const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;
/** A process that blocks again and again says so once in this time. */
const LOG_EVERY_MS = 10_000;
const NAMED = 20;

/** What ran while the loop stood still; empty when it did not. */
export type Turned = () => readonly { readonly id: string; readonly task: string }[];

/** Sees how late the event loop is: signals `worker:blocked` when it stood still, `worker:lag` every ten seconds. */
export class LoopWatch {
  readonly #turned: Turned;
  readonly #signals: SignalBus;
  readonly #log: Logger;
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #beats: NodeJS.Timeout | undefined;
  #beatAt = 0;
  #windowFrom = 0;
  /** The histogram misses what happens before its second sample. */
  #latestBeatMs = 0;
  #lastWindow: EventLoopLag = { p50Ms: 0, p99Ms: 0, maxMs: 0 };
  #loggedAt = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(turned: Turned, signals: SignalBus, log: Logger) {
    this.#turned = turned;
    this.#signals = signals;
    this.#log = log;
  }

  start(): void {
    this.#delays.enable();
    this.#beatAt = performance.now();
    this.#windowFrom = this.#beatAt;
    this.#beats = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  stop(): void {
    clearInterval(this.#beats);
    this.#delays.disable();
  }

  /** Of the last ten to twenty seconds. */
  get lag(): EventLoopLag {
    const [last, now] = [this.#lastWindow, this.#measure()];
    return {
      p50Ms: Math.max(last.p50Ms, now.p50Ms),
      p99Ms: Math.max(last.p99Ms, now.p99Ms),
      maxMs: Math.max(last.maxMs, now.maxMs),
    };
  }

  #beat(): void {
    const now = performance.now();
    const lateMs = now - this.#beatAt - BEAT_MS;
    this.#beatAt = now;
    this.#latestBeatMs = Math.max(this.#latestBeatMs, lateMs);
    const jobs = this.#turned();
    if (lateMs >= BLOCKED_MS) this.#blocked(lateMs, jobs);
    if (now - this.#windowFrom < WINDOW_MS) return;
    this.#windowFrom = now;
    this.#lastWindow = this.#measure();
    this.#delays.reset();
    this.#latestBeatMs = 0;
    this.#signals.emit('worker:lag', this.#lastWindow);
  }

  #blocked(lateMs: number, jobs: ReturnType<Turned>): void {
    const ms = Math.round(lateMs);
    this.#signals.emit('worker:blocked', { ms, jobs });
    this.#unlogged++;
    const now = performance.now();
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    const more = this.#unlogged === 1 ? {} : { times: this.#unlogged };
    const tasks = [...new Set(jobs.map(({ task }) => task))];
    this.#log.warn(
      { blockedMs: ms, tasks, jobs: jobs.slice(0, NAMED).map(({ id }) => id), ...more },
      `the event loop was blocked for ${ms} ms${tasks.length === 0 ? '' : ` while ${tasks.join(', ')} ran`}`,
    );
    this.#loggedAt = now;
    this.#unlogged = 0;
  }

  #measure(): EventLoopLag {
    const { count, max } = this.#delays;
    const lateMs = (nanoseconds: number): number => (count === 0 ? 0 : Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS));
    return {
      p50Ms: lateMs(this.#delays.percentile(50)),
      p99Ms: lateMs(this.#delays.percentile(99)),
      maxMs: Math.max(lateMs(max), this.#latestBeatMs),
    };
  }
}
