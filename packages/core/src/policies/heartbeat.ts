import * as z from 'zod/mini';
import { HeartbeatTimeoutError } from '../errors.ts';
import { durationOption, type Duration } from '../task/duration.ts';
import { PacedWrite } from './paced-write.ts';
import { resolveLimit } from './time-limits.ts';

export interface HeartbeatOptions {
  /** An attempt whose handler has not called `ctx.heartbeat` for so long, counted from its start, has failed with a HeartbeatTimeoutError. */
  readonly timeout: Duration;
}

/** @internal The task option `heartbeat`. */
export const heartbeatOption: z.ZodMiniType<HeartbeatOptions> = z.strictObject({ timeout: durationOption });

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
  readonly #writes: PacedWrite;
  #beatAt = performance.now();
  #details: unknown;

  constructor(timeoutMs: number | undefined, store: (details: unknown) => Promise<void>) {
    this.#writes = new PacedWrite(timeoutMs === undefined ? WRITE_EVERY_MS : timeoutMs / 3, () => store(this.#details));
  }

  /** Of the last beat, or of the start. */
  get beatAt(): number {
    return this.#beatAt;
  }

  get hasUnstored(): boolean {
    return this.#writes.hasUnwritten;
  }

  async beat(details: unknown): Promise<void> {
    this.#beatAt = performance.now();
    if (details === undefined) return;
    this.#details = details;
    await this.#writes.offer();
  }

  /** Rejects when it cannot be stored; the next beat tries again. */
  flush(): Promise<void> {
    return this.#writes.flush();
  }

  stop(): void {
    this.#writes.stop();
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
