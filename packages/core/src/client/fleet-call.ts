import { setTimeout as wait } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import type { Engine } from '../engine/engine.ts';
import { callMessage, toAnswer, type Answer, type Command } from '../fleet/message.ts';

/** What one worker said. */
export interface FleetAnswer {
  /** Its id. */
  readonly worker: string;
  /** False: it has refused, and `error` says why. */
  readonly ok: boolean;
  /** From the call to its answer. */
  readonly latencyMs: number;
  readonly error?: { readonly code: string; readonly message: string };
  /** Of `shutdown`: whether its process ends, as that of a worker that was `run()` does; or only the worker. */
  readonly endsProcess?: boolean;
}

export interface FleetReply {
  /** In the order in which they came. */
  readonly answers: readonly FleetAnswer[];
  /** Ids of registered workers that have not answered in time: they hang, have died just now, or cannot hear. */
  readonly silent: readonly string[];
}

export interface FleetCall {
  readonly command: Command;
  /** Ids of those whose answers are waited for. */
  readonly expected: readonly string[];
  /** False: whoever else hears it does it, too. */
  readonly only: boolean;
  readonly timeoutMs: number;
}

/** A broadcast, or an answer, may be lost: who is silent is told again after this, then after twice as long, and so on. It is done once. */
const AGAIN_MS = 500;

/**
 * Tells workers something. Resolves when all who are expected have answered, or the time is over.
 * @param closed - of the app. @throws EngineUnavailableError; the reason of `closed`
 */
export async function callFleet(
  engine: Pick<Engine, 'broadcast' | 'onBroadcast'>,
  { command, expected, only, timeoutMs }: FleetCall,
  closed: AbortSignal,
): Promise<FleetReply> {
  if (expected.length === 0) return { answers: [], silent: [] };
  const call = nanoid();
  const silent = new Set(expected);
  const answered = new Set<string>();
  const answers: FleetAnswer[] = [];
  let begun = performance.now();
  const over = new AbortController();
  const done = (): void => over.abort();
  const hear = (message: string): void => {
    const answer = toAnswer(message);
    // One that was asked again may answer twice.
    if (answer?.call !== call || answered.has(answer.worker)) return;
    answered.add(answer.worker);
    answers.push(toFleetAnswer(answer, performance.now() - begun));
    silent.delete(answer.worker);
    if (silent.size === 0) done();
  };
  const stop = await engine.onBroadcast(hear, () => undefined);
  const timer = setTimeout(done, timeoutMs);
  closed.addEventListener('abort', done, { once: true });
  try {
    begun = performance.now();
    await engine.broadcast(callMessage({ call, ...(only ? { to: expected } : {}), command }));
    for (let ms = Math.min(AGAIN_MS, timeoutMs / 2); await passes(ms, over.signal); ms *= 2)
      await engine.broadcast(callMessage({ call, to: [...silent], command })).catch(() => undefined);
  } finally {
    clearTimeout(timer);
    closed.removeEventListener('abort', done);
    stop();
  }
  closed.throwIfAborted();
  return { answers, silent: [...silent] };
}

/** False: it was over before. */
async function passes(ms: number, over: AbortSignal): Promise<boolean> {
  return wait(ms, true, { signal: over }).catch(() => false);
}

function toFleetAnswer({ worker, error, endsProcess }: Answer, latencyMs: number): FleetAnswer {
  return {
    worker,
    ok: error === undefined,
    latencyMs,
    ...(error === undefined ? {} : { error }),
    ...(endsProcess === undefined ? {} : { endsProcess }),
  };
}
