import * as z from 'zod/mini';
import type { EventLoopLag } from '../signals.ts';
import type { RunningState, WorkerPhase, WorkerState } from '../worker/state.ts';

/** A queue as one worker serves it. */
export interface FleetQueue {
  readonly slots: number;
  readonly running: number;
  /** By `worker.pause` or `app.fleet.pause(queue, { worker })`; a queue that is paused for all workers is not shown here. */
  readonly paused: boolean;
}

/** A started worker of the app, in whatever process, as it was at its last beat. */
export interface FleetWorker {
  /** `<host>:<pid>:<random>`. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Of `@oxbow/core`. */
  readonly version: string;
  readonly startedAt: Date;
  readonly state: WorkerPhase;
  readonly queues: Readonly<Record<string, FleetQueue>>;
  /** Oldest first, with their ages of now; the first hundred. */
  readonly running: readonly RunningState[];
  /** How many run, whether they are listed or not. */
  readonly runningCount: number;
  /** Names of the tasks that it runs; the first five hundred. */
  readonly tasks: readonly string[];
  readonly eventLoop: EventLoopLag;
  /** It does not fetch, because its clock is too far off its engine's. */
  readonly clockSkewed: boolean;
  /** Since its last beat, by the engine's clock. */
  readonly beatAgeMs: number;
}

const LISTED_JOBS = 100;
const LISTED_TASKS = 500;

const count = z.number().check(z.gte(0));
const running = z.object({ id: z.string(), task: z.string(), queue: z.string(), attempt: z.number(), runningMs: count });
const text = z.object({
  host: z.string(),
  pid: z.number(),
  version: z.string(),
  startedAt: z.number(),
  state: z.enum(['new', 'starting', 'running', 'draining', 'drained']),
  queues: z.record(z.string(), z.object({ slots: count, running: count, paused: z.boolean() })),
  running: z.array(running),
  runningCount: count,
  tasks: z.array(z.string()),
  eventLoop: z.object({ p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() }),
  clockSkewed: z.boolean(),
});

/** What does not change while a worker runs. */
export interface WorkerFacts {
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** Ms since the epoch, by the engine's clock. */
  readonly startedAt: number;
}

/** As a worker writes it into the registry: bounded, and without payloads. */
export function toText(facts: WorkerFacts, state: WorkerState, tasks: readonly string[]): string {
  const { phase, queues, running: jobs, paused, eventLoop, clockSkewed } = state;
  const runningIn = (queue: string): number => jobs.filter((job) => job.queue === queue).length;
  const shown: z.infer<typeof text> = {
    ...facts,
    state: phase,
    queues: Object.fromEntries(
      Object.entries(queues).map(([queue, slots]) => [queue, { slots, running: runningIn(queue), paused: paused.includes(queue) }]),
    ),
    running: jobs.slice(0, LISTED_JOBS),
    runningCount: jobs.length,
    tasks: tasks.slice(0, LISTED_TASKS),
    eventLoop,
    clockSkewed,
  };
  return JSON.stringify(shown);
}

/** Undefined for what is none, or one of an Oxbow that writes it otherwise. */
export function fromText({
  id,
  text: written,
  ageMs,
}: {
  readonly id: string;
  readonly text: string;
  readonly ageMs: number;
}): FleetWorker | undefined {
  const parsed = text.safeParse(parseJson(written));
  if (!parsed.success) return undefined;
  const { startedAt, running: jobs, ...rest } = parsed.data;
  return {
    id,
    ...rest,
    startedAt: new Date(startedAt),
    running: jobs.map((job) => ({ ...job, runningMs: job.runningMs + ageMs })),
    beatAgeMs: ageMs,
  };
}

function parseJson(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return undefined;
  }
}
