import type { AppPhase, EngineState, WorkerState } from '@oxbow/core/operate';
import type { LoopState } from './loop-gauge.ts';
import type { HealthSettings } from './options.ts';
import type { ProcessState } from './report.ts';
import type { StoreState } from './store-watch.ts';

/** What is known in this process at one moment. */
export interface Seen {
  readonly settings: HealthSettings;
  readonly state: ProcessState;
  readonly engine: EngineState;
  readonly workers: readonly WorkerState[];
  readonly loop: LoopState;
  readonly store: StoreState;
}

/** Asks nobody. */
export function look(settings: HealthSettings, loop: LoopState, store: StoreState): Seen {
  const { operation, worker } = settings;
  const engine = operation.engine();
  const workers = worker === undefined ? operation.workers() : [operation.worker(worker)];
  return { settings, engine, workers, loop, store, state: stateOf(operation.phase(), workers, engine) };
}

/** A worker that was drained counts only when there is no other. */
function stateOf(phase: AppPhase, all: readonly WorkerState[], engine: EngineState): ProcessState {
  if (phase !== 'open') return phase === 'closing' ? 'draining' : 'stopped';
  if (all.length === 0) return engine.facts === undefined ? 'starting' : 'running';
  const workers = all.filter((worker) => worker.phase !== 'drained');
  if (workers.length === 0) return 'stopped';
  if (workers.every((worker) => worker.phase === 'draining')) return 'draining';
  if (workers.some((worker) => worker.phase === 'new' || worker.phase === 'starting')) return 'starting';
  return workers.every(({ queues, paused }) => Object.keys(queues).every((queue) => paused.includes(queue))) ? 'paused' : 'running';
}
