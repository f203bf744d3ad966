import type { WorkerState } from '@oxbow/core/operate';
import { reasonOf } from './reason.ts';
import type { Check, Checks } from './report.ts';
import type { Seen } from './seen.ts';

/** Jobs can be taken in, and will be run: the store can be written, and nothing keeps a worker from fetching that nobody asked for. */
export function readinessChecks({ state, store, engine, workers, settings }: Seen): Checks {
  return {
    state: stateCheck(state),
    store: storeCheck(store, engine, settings.storeMaxAgeMs),
    ...(workers.length === 0 ? {} : { clock: clockCheck(workers), registration: registrationCheck(workers) }),
  };
}

function stateCheck(state: Seen['state']): Check {
  return state === 'running' || state === 'paused' ? { status: 'pass' } : { status: 'fail', reason: `the process is ${state}` };
}

function storeCheck(store: Seen['store'], { facts }: Seen['engine'], maxAgeMs: number): Check {
  const { okAgeMs, okForMs, latencyMs } = store;
  const figures = {
    writeOk: okForMs !== undefined,
    latencyMs: latencyMs && Math.round(latencyMs * 100) / 100,
    lastOkAgeMs: okAgeMs && Math.round(okAgeMs),
    evictionPolicy: facts?.evictionPolicy,
  };
  const reason = reasonOf(store);
  if (okAgeMs === undefined || okAgeMs >= maxAgeMs)
    return { status: 'fail', reason: reason ?? 'the store has not been probed', ...figures };
  return reason === undefined ? { status: 'pass', ...figures } : { status: 'warn', reason, ...figures };
}

function clockCheck(workers: readonly WorkerState[]): Check {
  const offsets = workers.map(({ clockOffsetMs = 0 }) => Math.round(clockOffsetMs));
  const offsetMs = offsets.reduce((worst, one) => (Math.abs(one) > Math.abs(worst) ? one : worst));
  if (!workers.some(({ clockSkewed }) => clockSkewed)) return { status: 'pass', offsetMs };
  return { status: 'fail', reason: 'this clock is off the one of the engine, so that nothing is fetched', offsetMs };
}

/** Who is not in the registry cannot be found by `app.fleet`, and others take it for dead. */
function registrationCheck(all: readonly WorkerState[]): Check {
  const workers = all.filter(({ phase }) => phase === 'running');
  const ages = workers.map(({ registration }) => registration?.ageMs ?? Number.POSITIVE_INFINITY);
  const leaseMs = workers[0]?.registration?.leaseMs;
  const ageMs = Math.max(0, ...ages);
  const figures = { ageMs: Number.isFinite(ageMs) ? Math.round(ageMs) : undefined, leaseMs };
  if (workers.every(({ registration }) => registration !== undefined && registration.ageMs < registration.leaseMs))
    return { status: 'pass', ...figures };
  return { status: 'fail', reason: 'the registry of workers has not heard of this one for as long as its lease', ...figures };
}
