import type { Engine } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import type { SignalBus } from '../signals.ts';

/** A worker that is further off its engine's clock runs delayed jobs early: BullMQ reads the worker's clock. */
export const MAX_CLOCK_OFFSET_MS = 2000;

const CHECK_MS = 60_000;
const RECHECK_SKEWED_MS = 5000;

/** Compares clocks at start and every minute; while they differ too much the worker does not fetch. */
export class ClockWatch {
  readonly #engine: Engine;
  readonly #signals: SignalBus;
  readonly #log: Logger;
  readonly #onChange: (skewed: boolean) => void;
  #timer: NodeJS.Timeout | undefined;
  #skewed = false;
  #offsetMs: number | undefined;
  #stopped = false;

  constructor(engine: Engine, signals: SignalBus, log: Logger, onChange: (skewed: boolean) => void) {
    this.#engine = engine;
    this.#signals = signals;
    this.#log = log;
    this.#onChange = onChange;
  }

  get skewed(): boolean {
    return this.#skewed;
  }

  /** At the last look. */
  get offsetMs(): number | undefined {
    return this.#offsetMs;
  }

  /** Checks once, then goes on by itself. Never rejects: an engine that does not answer tells nothing of its clock. */
  async start(): Promise<void> {
    await this.#check();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #check(): Promise<void> {
    const offsetMs = await this.#engine.clockOffsetMs().catch(() => undefined);
    if (this.#stopped) return;
    if (offsetMs !== undefined) this.#judge(offsetMs);
    this.#timer = setTimeout(() => void this.#check(), this.#skewed ? RECHECK_SKEWED_MS : CHECK_MS).unref();
  }

  #judge(offsetMs: number): void {
    this.#offsetMs = offsetMs;
    const skewed = Math.abs(offsetMs) > MAX_CLOCK_OFFSET_MS;
    if (skewed === this.#skewed) return;
    this.#skewed = skewed;
    const event = { offsetMs: Math.round(offsetMs) };
    if (skewed)
      this.#log.error(
        event,
        `this clock is ${event.offsetMs} ms behind the engine's; the worker does not fetch until it is within ${MAX_CLOCK_OFFSET_MS} ms`,
      );
    else this.#log.info(event, 'clocks agree again; the worker fetches');
    this.#signals.emit(skewed ? 'engine:clock-skewed' : 'engine:clock-restored', event);
    this.#onChange(skewed);
  }
}
