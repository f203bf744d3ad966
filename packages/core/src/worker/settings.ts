import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import { resolveLimit } from '../policies/time-limits.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { assertName } from '../task/name.ts';
import { parseOptions } from '../task/options.ts';
import { guaranteedSlots, type PoolSettings } from './pool.ts';

/** When a drain goes from waiting to telling to putting back. */
export interface DrainOptions {
  /** Running handlers are waited for this long; then `ctx.signal` aborts. @defaultValue '20s' */
  readonly soft?: Duration;
  /** After the abort, handlers get this long; then their jobs are put back and named. @defaultValue '5s' */
  readonly hard?: Duration;
}

/** One pool of slots over several queues. */
export interface PoolOptions {
  /** How many jobs run here at a time, of all its queues together; at least as many as it has queues, at most 1000. */
  readonly slots: number;
  /**
   * Queue → weight: more than 0, at most 1000. While all have jobs that wait, each has its part of the slots by weight, and at least one; what a queue does not
   * use, others do, except one slot of each.
   */
  readonly queues: Readonly<Record<string, number>>;
}

export interface WorkerOptions<Deps> {
  /** Queue → how many of its jobs run here at a time (1–1000). @defaultValue the queues of its tasks, 5 each */
  readonly queues?: Readonly<Record<string, number>>;
  /** Slots that move between queues, instead of `queues`. @defaultValue none: each queue has slots of its own */
  readonly pool?: PoolOptions;
  /** Names of the tasks it runs. @defaultValue every task of the app with a handler */
  readonly tasks?: readonly string[];
  /**
   * Makes what handlers get as `ctx.deps`, once for this worker, before its first job. An error ends the start (code `startup_failed`). `signal`
   * aborts at `startupTimeout`, or when the worker is drained before this has ended.
   */
  readonly startup?: (call: { readonly signal: AbortSignal }) => Deps | Promise<Deps>;
  /** How long that may take; then the start fails with `startup_timeout`. @defaultValue '1m' */
  readonly startupTimeout?: Duration;
  /**
   * Disposes of it, once, when the last handler has ended or the drain has put back what still runs. An error is logged.
   * @defaultValue what `startup` made disposes of itself, should it have `Symbol.asyncDispose` or `Symbol.dispose`
   */
  readonly shutdown?: (deps: Deps) => void | Promise<void>;
  /** How long that is waited for. @defaultValue '5s' */
  readonly shutdownTimeout?: Duration;
  readonly drain?: DrainOptions;
  /**
   * How long a job stays locked without renewal: a killed worker's jobs start again after this and up to half of it
   * more. @defaultValue '30s'
   */
  readonly lockDuration?: Duration;
  /**
   * Who renews the locks of running jobs while a handler blocks the event loop: a thread of this process, or nobody.
   * @defaultValue 'thread'
   */
  readonly lockRenewal?: 'thread' | 'main';
  /**
   * For how long the thread keeps the jobs of a blocked event loop; then they start again elsewhere.
   * @defaultValue '5m'
   */
  readonly maxBlocked?: Duration;
}

/** `app.worker()` without a startup is for apps whose handlers can do without deps. */
export type WorkerArguments<Deps> = undefined extends Deps
  ? [options?: WorkerOptions<Deps>]
  : [options: WorkerOptions<Deps> & { readonly startup: NonNullable<WorkerOptions<Deps>['startup']> }];

export interface WorkerSettings {
  /** Queue → slots, at the start. */
  readonly queues: ReadonlyMap<string, number>;
  readonly pool: PoolSettings | undefined;
  readonly tasks: ReadonlySet<string> | undefined;
  readonly softMs: number;
  readonly hardMs: number;
  readonly startupMs: number;
  readonly shutdownMs: number;
  readonly lockDurationMs: number;
  /** Undefined: without the thread. */
  readonly maxBlockedMs: number | undefined;
}

const DEFAULT_CONCURRENCY = 5;
const MIN_LOCK_MS = 1000;
const STARTUP_MS = 60_000;
const SHUTDOWN_MS = 5000;
const MAX_WEIGHT = 1000;
const fn = z.custom<never>((value) => typeof value === 'function', 'must be a function');

const workerOptions = z.strictObject({
  queues: z.optional(z.record(z.string(), z.int().check(z.gte(1), z.lte(1000)))),
  pool: z.optional(
    z.strictObject({
      slots: z.int().check(z.gte(1), z.lte(1000)),
      queues: z.record(z.string(), z.number().check(z.positive(), z.lte(MAX_WEIGHT))),
    }),
  ),
  tasks: z.optional(z.array(z.string())),
  startup: z.optional(fn),
  startupTimeout: z.optional(durationOption),
  shutdown: z.optional(fn),
  shutdownTimeout: z.optional(durationOption),
  drain: z.optional(z.strictObject({ soft: z.optional(durationOption), hard: z.optional(durationOption) })),
  lockDuration: z.optional(durationOption),
  lockRenewal: z.optional(z.enum(['thread', 'main'])),
  maxBlocked: z.optional(durationOption),
});

/**
 * @param queuesByTask - of the app's tasks that have a handler.
 * @throws OxbowError `invalid_options`, `unknown_task`, `invalid_name`
 */
export function resolveWorkerOptions(options: unknown, queuesByTask: ReadonlyMap<string, string>): WorkerSettings {
  const given = parseOptions(workerOptions, options, 'app.worker()');
  const { queues, pool: pooled, tasks, drain, lockDuration, lockRenewal, maxBlocked } = given;
  for (const task of tasks ?? []) {
    if (!queuesByTask.has(task))
      throw new OxbowError(
        'unknown_task',
        `app.worker(): there is no task "${task}" with a handler. Known: ${[...queuesByTask.keys()].join(', ') || 'none'}.`,
      );
  }
  const lockDurationMs = parseDuration(lockDuration ?? '30s', 'app.worker(): lockDuration');
  if (lockDurationMs < MIN_LOCK_MS)
    throw new OxbowError('invalid_options', `app.worker(): lockDuration must be at least ${MIN_LOCK_MS} ms.`);
  if (pooled !== undefined && queues !== undefined) throw new OxbowError('invalid_options', 'app.worker(): give queues or pool, not both.');
  const pool = pooled === undefined ? undefined : resolvePool(pooled);
  return {
    queues: pool === undefined ? resolveQueues(queues, tasks ?? [...queuesByTask.keys()], queuesByTask) : guaranteedSlots(pool),
    pool,
    tasks: tasks === undefined ? undefined : new Set(tasks),
    softMs: parseDuration(drain?.soft ?? '20s', 'app.worker(): drain.soft'),
    hardMs: parseDuration(drain?.hard ?? '5s', 'app.worker(): drain.hard'),
    startupMs: resolveLimit(given.startupTimeout, 'app.worker(): startupTimeout') ?? STARTUP_MS,
    shutdownMs: resolveLimit(given.shutdownTimeout, 'app.worker(): shutdownTimeout') ?? SHUTDOWN_MS,
    lockDurationMs,
    maxBlockedMs: lockRenewal === 'main' ? undefined : parseDuration(maxBlocked ?? '5m', 'app.worker(): maxBlocked'),
  };
}

function resolvePool({ slots, queues }: PoolOptions): PoolSettings {
  const weights = new Map(Object.entries(queues));
  for (const queue of weights.keys()) assertName('queue', queue);
  if (weights.size === 0) throw new OxbowError('invalid_options', 'app.worker(): pool.queues names no queue.');
  if (slots < weights.size)
    throw new OxbowError(
      'invalid_options',
      `app.worker(): pool.slots is ${slots}, but the pool has ${weights.size} queues, of which each has at least one slot.`,
    );
  return { slots, weights };
}

function resolveQueues(
  given: Readonly<Record<string, number>> | undefined,
  tasks: readonly string[],
  queuesByTask: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  const queues = new Map(
    given === undefined ? tasks.map((task) => [queuesByTask.get(task) ?? 'default', DEFAULT_CONCURRENCY]) : Object.entries(given),
  );
  for (const queue of queues.keys()) assertName('queue', queue);
  if (queues.size === 0)
    throw new OxbowError('invalid_options', 'app.worker(): there is nothing to run: declare tasks with handlers first, or name queues.');
  return queues;
}
