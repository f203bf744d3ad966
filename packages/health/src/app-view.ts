import { setTimeout as wait } from 'node:timers/promises';
import type { FleetWorker, QueueReading } from '@oxbow/core/operate';
import type { HealthSettings } from './options.ts';

/** What the whole app is doing, in all its processes. */
export interface View {
  readonly queues?: readonly QueueReading[];
  readonly workers?: readonly FleetWorker[];
}

/** Reads what a verbose answer shows of the app: at most once in `storeCacheMs`, however many ask. */
export class AppView {
  readonly #settings: HealthSettings;
  #reading: Promise<View> | undefined;
  #readAt: number = Number.NEGATIVE_INFINITY;
  #view: View = {};

  constructor(settings: HealthSettings) {
    this.#settings = settings;
  }

  /** Never rejects: an engine that is away has nothing to show, and is told of elsewhere. */
  async read(queues: readonly string[]): Promise<View> {
    const { storeCacheMs, storeTimeoutMs } = this.#settings;
    if (performance.now() - this.#readAt < storeCacheMs) return this.#view;
    this.#reading ??= this.#read(queues);
    const patience = new AbortController();
    const late = wait(storeTimeoutMs, {}, { signal: patience.signal, ref: false }).catch(() => ({}));
    const view = await Promise.race([this.#reading, late]);
    patience.abort();
    return view;
  }

  async #read(queues: readonly string[]): Promise<View> {
    const { operation } = this.#settings;
    try {
      const [read, workers] = await Promise.all([operation.readQueues(queues), operation.fleet()]);
      this.#view = { queues: read, workers };
      this.#readAt = performance.now();
      return this.#view;
    } catch {
      return {};
    } finally {
      this.#reading = undefined;
    }
  }
}
