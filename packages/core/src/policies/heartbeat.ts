import { z } from 'zod';
import { HeartbeatTimeoutError } from '../errors.ts';
import { durationOption, type Duration } from '../task/duration.ts';
import { resolveLimit } from './time-limits.ts';

export interface HeartbeatOptions {
  /** An attempt whose handler has not called `ctx.heartbeat` for so long, counted from its start, has failed with a HeartbeatTimeoutError. */
  readonly timeout: Duration;
}

/** The task option `heartbeat`. */
export const heartbeatOption: z.ZodType<HeartbeatOptions> = z.strictObject({ timeout: durationOption });

/** Details are written so often at most; a third of the timeout where there is one. */
const WRITE_EVERY_MS = 5000;

/** @throws OxbowError `invalid_options` */
export function resolveHeartbeat(option: HeartbeatOptions | undefined, task: string): number | undefined {
  return resolveLimit(option?.timeout, `task "${task}": heartbeat.timeout`);
}

/**
 * The beats of one attempt. Details are stored with the job, so that the next attempt has them: the first at once, then at most one write
 * in a third of the timeout, the last of it. `flush` writes what is not stored yet.
 */
export class Heartbeats {
  readonly #everyMs: number;
  readonly #store: (details: unknown) => Promise<void>;
  #beatAt = performance.now();
  #wroteAt = Number.NEGATIVE_INFINITY;
  #unstored: { readonly details: unknown } | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number | undefined, store: (details: unknown) => Promise<void>) {
    this.#everyMs = timeoutMs === undefined ? WRITE_EVERY_MS : timeoutMs / 3;
    this.#store = store;
  }

  /** Of the last beat, or of the start. */
  get beatAt(): number {
    return this.#beatAt;
  }

  get hasUnstored(): boolean {
    return this.#unstored !== undefined;
  }

  async beat(details: unknown): Promise<void> {
    const now = performance.now();
    this.#beatAt = now;
    if (details === undefined) return;
    this.#unstored = { details };
    if (this.#later !== undefined) return;
    const dueMs = this.#wroteAt + this.#everyMs - now;
    if (dueMs <= 0) await this.flush();
    else this.#later = setTimeout(() => void this.flush().catch(() => undefined), dueMs).unref();
  }

  /** Rejects when it cannot be stored; the next beat tries again. */
  async flush(): Promise<void> {
    this.stop();
    const unstored = this.#unstored;
    if (unstored === undefined) return;
    this.#wroteAt = performance.now();
    await this.#store(unstored.details);
    if (this.#unstored === unstored) this.#unstored = undefined;
  }

  stop(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
  }
}

/** Ends an attempt that does not beat; returns the function that stops it. */
export function watchBeats(
  timeoutMs: number,
  { task, beats, end }: { readonly task: string; readonly beats: Heartbeats; readonly end: (error: HeartbeatTimeoutError) => void },
): () => void {
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const leftMs = beats.beatAt + timeoutMs - performance.now();
    if (leftMs <= 0) end(new HeartbeatTimeoutError(task, timeoutMs));
    else timer = setTimeout(look, Math.ceil(leftMs));
  };
  timer = setTimeout(look, timeoutMs);
  return () => clearTimeout(timer);
}
