import { EngineUnavailableError, OxbowError } from '../errors.ts';
import type { NotEnqueued, SignalBus } from '../signals.ts';

type Place = Pick<NotEnqueued, 'task' | 'queue'>;

/** Codes of what is not the caller's fault. */
const ERRORS: ReadonlySet<string> = new Set(['engine_unavailable', 'engine_refused', 'closed']);

/** Tells of an enqueue that another one, or its result, stands for. */
export function tellStandIn(signals: SignalBus, { task, queue }: Place, outcome: 'deduplicated' | 'replayed'): void {
  if (signals.wants('task:not-enqueued')) signals.emit('task:not-enqueued', { task, queue, outcome, error: undefined });
}

/** Tells of an enqueue that rejects. */
export function tellRefusal(signals: SignalBus, { task, queue }: Place, thrown: unknown): void {
  if (!signals.wants('task:not-enqueued')) return;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const outcome = OxbowError.is(error) && !(error instanceof EngineUnavailableError) && !ERRORS.has(error.code) ? 'rejected' : 'error';
  signals.emit('task:not-enqueued', { task, queue, outcome, error });
}
