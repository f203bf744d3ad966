import { monitorEventLoopDelay } from 'node:perf_hooks';

const TICK_MS = 250;
const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;

export interface LoopState {
  /** How late the event loop was in one of a hundred looks, and at least in two, over the last ten to twenty seconds. */
  readonly p99Ms: number;
  /** Since timers last ran. */
  readonly tickAgeMs: number;
}

/** Sees how late the event loop is. Without a worker nobody else does. */
export class LoopGauge {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #ticks: NodeJS.Timeout;
  #tickAt: number = performance.now();
  #windowFrom: number = this.#tickAt;
  #lastP99Ms = 0;

  constructor() {
    this.#delays.enable();
    this.#ticks = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  get state(): LoopState {
    return { p99Ms: Math.max(this.#lastP99Ms, this.#p99Ms), tickAgeMs: performance.now() - this.#tickAt };
  }

  stop(): void {
    clearInterval(this.#ticks);
    this.#delays.disable();
  }

  /** A loop that stood still once is no loop that does so again and again: of few looks it takes two that were late. */
  get #p99Ms(): number {
    const { count } = this.#delays;
    if (count < 2) return 0;
    const percentile = Math.min(99, (100 * (count - 1.01)) / count);
    return Math.max(0, this.#delays.percentile(percentile) / 1e6 - RESOLUTION_MS);
  }

  #tick(): void {
    this.#tickAt = performance.now();
    if (this.#tickAt - this.#windowFrom < WINDOW_MS) return;
    this.#windowFrom = this.#tickAt;
    this.#lastP99Ms = this.#p99Ms;
    this.#delays.reset();
  }
}
