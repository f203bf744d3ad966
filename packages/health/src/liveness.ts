import type { LaneState, OverrunState } from '@oxbow/core/operate';
import type { Check, Checks } from './report.ts';
import type { Seen } from './seen.ts';

const LEAST_SILENCE_MS = 30_000;
const BLOCKS = 4;
const NAMED = 20;

/** What a restart cures. Nothing here asks the server, and a server that is away is no reason: all would restart, again and again. */
export function livenessChecks(seen: Seen): Checks {
  const { settings, workers } = seen;
  const lanes = workers.flatMap((worker) => worker.lanes);
  const queues = [...new Set(lanes.map(({ queue }) => queue))];
  const paused = new Set(workers.flatMap((worker) => worker.paused));
  const loops = queues.map((queue) => {
    const check = fetchCheck(seen, quietest(lanes, queue));
    return [`fetchLoop:${queue}`, paused.has(queue) ? { ...check, paused: true } : check] as const;
  });
  const { hungAfterMs } = settings;
  const hung =
    hungAfterMs === undefined
      ? {}
      : {
          hungJobs: hungCheck(
            workers.flatMap((worker) => worker.overruns),
            hungAfterMs,
          ),
        };
  return { eventLoop: loopCheck(seen), ...Object.fromEntries(loops), ...hung };
}

/** How long a lane may hear nothing. */
export function silenceLimitMs(lane: LaneState, given: number | undefined): number {
  return given ?? Math.max(LEAST_SILENCE_MS, BLOCKS * lane.blockMs);
}

function loopCheck({ loop, settings }: Seen): Check {
  const limitMs = settings.eventLoopLimitMs;
  const figures = { p99Ms: tenths(loop.p99Ms), tickAgeMs: Math.round(loop.tickAgeMs), limitMs };
  if (loop.p99Ms > limitMs) return { status: 'fail', reason: 'the event loop is blocked again and again', ...figures };
  if (loop.tickAgeMs > limitMs) return { status: 'fail', reason: 'timers do not run', ...figures };
  return { status: 'pass', ...figures };
}

/**
 * Core has given a silent lane new connections by then, and that has not helped. The engine must have answered for half of the limit: a lane
 * needs a moment after an outage.
 */
function fetchCheck({ engine, store, settings }: Seen, lane: LaneState): Check {
  const limitMs = silenceLimitMs(lane, settings.fetchSilenceMs);
  const figures = { lastFetchAgeMs: lane.silentMs, limitMs, fetching: lane.fetching };
  if (!lane.fetching || lane.silentMs <= limitMs) return { status: 'pass', ...figures };
  const answers = engine.connected !== false && (store.okForMs ?? 0) >= limitMs / 2;
  if (!answers) return { status: 'warn', reason: 'the engine does not answer, here or elsewhere', ...figures };
  return { status: 'fail', reason: 'the engine answers, but not the fetches of this queue', ...figures };
}

function hungCheck(overruns: readonly OverrunState[], limitMs: number): Check {
  const hung = overruns.filter(({ overMs }) => overMs > limitMs);
  if (hung.length === 0) return { status: 'pass', count: 0, limitMs };
  const jobs = hung.slice(0, NAMED).map(({ id, task, overMs }) => ({ id, task, overMs: Math.round(overMs) }));
  return { status: 'fail', reason: 'handlers go on though their attempts were ended', count: hung.length, limitMs, jobs };
}

/** Of the lanes of a queue the one that has heard nothing for longest. */
function quietest(lanes: readonly LaneState[], queue: string): LaneState {
  const own = lanes.filter((lane) => lane.queue === queue);
  return own.reduce((worst, lane) => (lane.fetching && lane.silentMs >= worst.silentMs ? lane : worst));
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
