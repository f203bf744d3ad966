import type { WorkerState } from '@oxbow/core/operate';
import type { Check, Checks } from './report.ts';
import type { Seen } from './seen.ts';
import { reasonOf } from './reason.ts';

/** The engine was opened and found fit, and every worker has heard from it. */
export function startupChecks({ engine, workers, store }: Seen): Checks {
  return { engine: engineCheck(engine, store), ...(workers.length === 0 ? {} : { worker: workerCheck(workers) }) };
}

function engineCheck({ kind, facts, evicts }: Seen['engine'], store: Seen['store']): Check {
  if (facts === undefined) return { status: 'fail', reason: reasonOf(store) ?? 'the engine has not been opened yet', kind };
  const { server, version, evictionPolicy } = facts;
  const figures = { kind, server, version, evictionPolicy };
  if (!evicts) return { status: 'pass', ...figures };
  return { status: 'warn', reason: 'the server may evict jobs: set its maxmemory-policy to noeviction', ...figures };
}

function workerCheck(workers: readonly WorkerState[]): Check {
  const waitsFor = [...new Set(workers.flatMap(unheard))];
  if (waitsFor.length === 0) return { status: 'pass', count: workers.length };
  return { status: 'fail', reason: 'no fetch of these queues has been answered yet', count: workers.length, waitsFor };
}

/** Its queues of which no fetch was answered. One that drains, or is paused, has nothing to wait for. */
function unheard({ phase, queues, lanes, paused }: WorkerState): readonly string[] {
  if (phase === 'draining' || phase === 'drained') return [];
  if (lanes.length === 0) return Object.keys(queues);
  return lanes.filter(({ fetched, queue }) => !fetched && !paused.includes(queue)).map(({ queue }) => queue);
}
