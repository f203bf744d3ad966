import { setTimeout as wait } from 'node:timers/promises';

export interface StoreWatchOptions {
  readonly probe: () => Promise<{ readonly latencyMs: number }>;
  readonly cacheMs: number;
  readonly timeoutMs: number;
}

export interface StoreState {
  /** Since it was last written and read; undefined: never. */
  readonly okAgeMs: number | undefined;
  /** Since the first of the probes that have all succeeded; undefined when the last has not. */
  readonly okForMs: number | undefined;
  /** Of the last one that succeeded. */
  readonly latencyMs: number | undefined;
  /** What the last one rejected with. */
  readonly error: unknown;
  /** The one that is under way has not been answered in time. */
  readonly late: boolean;
}

/** Probes the store when somebody asks: one probe at a time, whatever becomes of it, and none while what the last one found is fresh. */
export class StoreWatch {
  readonly #options: StoreWatchOptions;
  #pending: Promise<void> | undefined;
  #startedAt = 0;
  #endedAt: number = Number.NEGATIVE_INFINITY;
  #okAt: number | undefined;
  #okSince: number | undefined;
  #latencyMs: number | undefined;
  #error: unknown;

  constructor(options: StoreWatchOptions) {
    this.#options = options;
  }

  /** Resolves when what is known is fresh, or was waited for long enough. */
  async look(): Promise<void> {
    const { cacheMs, timeoutMs } = this.#options;
    if (this.#pending === undefined && performance.now() - this.#endedAt < cacheMs) return;
    this.#pending ??= this.#probe();
    const patience = new AbortController();
    const late = wait(timeoutMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined);
    await Promise.race([this.#pending, late]);
    patience.abort();
  }

  get state(): StoreState {
    const now = performance.now();
    const late = this.#pending !== undefined && now - this.#startedAt >= this.#options.timeoutMs;
    return {
      okAgeMs: this.#okAt && now - this.#okAt,
      okForMs: late || this.#okSince === undefined ? undefined : now - this.#okSince,
      latencyMs: this.#latencyMs,
      error: this.#error,
      late,
    };
  }

  async #probe(): Promise<void> {
    this.#startedAt = performance.now();
    try {
      const { latencyMs } = await this.#options.probe();
      this.#okAt = performance.now();
      // One that was answered late ends an outage.
      if (this.#okAt - this.#startedAt >= this.#options.timeoutMs) this.#okSince = undefined;
      this.#okSince ??= this.#okAt;
      this.#latencyMs = latencyMs;
      this.#error = undefined;
    } catch (error) {
      this.#okSince = undefined;
      this.#error = error;
    } finally {
      this.#endedAt = performance.now();
      this.#pending = undefined;
    }
  }
}
