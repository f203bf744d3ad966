import { monitorEventLoopDelay } from 'node:perf_hooks';

const TICK_MS = 250;
const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;

export interface LoopState {
  /** How late the event loop was in the worst of a hundred looks, over the last ten to twenty seconds. */
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

  get #p99Ms(): number {
    return this.#delays.count === 0 ? 0 : Math.max(0, this.#delays.percentile(99) / 1e6 - RESOLUTION_MS);
  }

  #tick(): void {
    this.#tickAt = performance.now();
    if (this.#tickAt - this.#windowFrom < WINDOW_MS) return;
    this.#windowFrom = this.#tickAt;
    this.#lastP99Ms = this.#p99Ms;
    this.#delays.reset();
  }
}
