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
  const answers: FleetAnswer[] = [];
  let begun = performance.now();
  let done: () => void = () => undefined;
  const complete = new Promise<void>((resolve) => (done = resolve));
  const hear = (message: string): void => {
    const answer = toAnswer(message);
    if (answer?.call !== call) return;
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
    await complete;
  } finally {
    clearTimeout(timer);
    closed.removeEventListener('abort', done);
    stop();
  }
  closed.throwIfAborted();
  return { answers, silent: [...silent] };
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
