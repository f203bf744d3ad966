import * as z from 'zod/mini';
import type { CanvasRunner } from '../canvas/run-handle.ts';
import type { Engine, NewJob, UniqueRule } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { batchOf, encodeHeaders, encodeInput, rewritten } from '../policies/enqueue-wrapping.ts';
import { claimOf } from '../policies/idempotency.ts';
import type { EnqueueCall, Policy } from '../policies/policy.ts';
import { namedQueue, routeOf } from '../policies/routing.ts';
import { uniqueKey, uniquenessOf, type Uniqueness } from '../policies/uniqueness.ts';
import type { SignalBus } from '../signals.ts';
import type { Stores } from '../store/stores.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { durationOption, MAX_DURATION_MS, parseDuration, type Duration } from '../task/duration.ts';
import { encodeEnvelope, type StoredClaim } from '../task/envelope.ts';
import { newJobId, publicId } from '../task/id.ts';
import { assertName } from '../task/name.ts';
import { parseOptions } from '../task/options.ts';
import type { PayloadLimits } from '../task/payload.ts';
import { MAX_ATTEMPTS } from '../task/retry.ts';
import { parse } from '../task/schema.ts';
import { executorOption, type SqlExecutor } from '../task/sql-executor.ts';
import { tellRefusal } from './enqueue-outcome.ts';
import { transactionsOf } from './transaction.ts';

/** How one job is to run. */
export interface EnqueueOptions {
  /** Not before this long from now. @defaultValue 0 */
  readonly delay?: Duration;
  /** Not before this moment; a past one is now. Excludes `delay`. */
  readonly at?: Date;
  /** 0–9, 9 first; only on a queue declared with `priorities: true`. @defaultValue 5 there */
  readonly priority?: number;
  /** Not started within this long of being ready (or by this moment): the job ends as `expired`. */
  readonly expires?: Duration | Date;
  /** Wins over what policies route by. @defaultValue where a policy routes it, else the task's queue */
  readonly queue?: string;
  /** Short strings that travel with the job; `ctx.headers` has them. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Runs of the handler in all, 1–100. More than one for a task that says nothing of `idempotency` is told once, or refused with `strict`.
   * @defaultValue the task's `retry.attempts`
   */
  readonly attempts?: number;
  /** Stands for this very request: see the task option `idempotency`. Instead of what the task's own `key` would make. */
  readonly idempotencyKey?: string;
  /**
   * The open transaction that the job is to be part of, on Postgres and embedded: a `pg` client that has begun one, or the `tx` of
   * `app.transaction`. The job is seen from its commit on, and is gone with its rollback.
   */
  readonly tx?: SqlExecutor;
}

/** What an enqueue must know of a queue. */
export interface QueuePriorities {
  /** Jobs carry a priority; those without one get 5. @defaultValue false */
  readonly priorities?: boolean;
}

export interface EnqueueSettings {
  readonly engine: Engine;
  readonly stores: Stores;
  readonly signals: SignalBus;
  readonly limits: PayloadLimits;
  readonly queues: ReadonlyMap<string, QueuePriorities>;
  readonly policies: readonly Policy[];
  /** What signatures of this app's tasks are run by. */
  readonly canvas: CanvasRunner;
  /** Is told of an enqueue that has more than one attempt by itself. @throws OxbowError `invalid_options` */
  readonly repeats: (task: TaskDefinition) => void;
}

const DEFAULT_PRIORITY = 5;

const enqueueOptions: z.ZodMiniType<EnqueueOptions> = z.strictObject({
  delay: z.optional(durationOption),
  at: z.optional(z.date()),
  priority: z.optional(z.int().check(z.gte(0), z.lte(9))),
  expires: z.optional(z.union([z.date(), durationOption])),
  queue: z.optional(z.string()),
  headers: z.optional(z.record(z.string(), z.string())),
  attempts: z.optional(z.int().check(z.gte(1), z.lte(MAX_ATTEMPTS))),
  idempotencyKey: z.optional(z.string()),
  tx: z.optional(executorOption),
}) as z.ZodMiniType<EnqueueOptions>;

const NO_OPTIONS: EnqueueOptions = Object.freeze({});

/** Checks one enqueue and writes it down as a job; nothing is sent yet. @throws InvalidInputError, SerializationError, OxbowError `invalid_options`, `transaction_unsupported` */
export function prepareJob(
  settings: EnqueueSettings,
  task: TaskDefinition,
  input: unknown,
  options: EnqueueOptions | undefined,
  as?: EnqueuedAs,
): Prepared | Promise<Prepared> {
  const refuse = (error: unknown): never => {
    tellRefusal(settings.signals, { task: task.name, queue: typeof options?.queue === 'string' ? options.queue : task.queue }, error);
    throw error;
  };
  try {
    const prepared = prepare(settings, task, { input, options, as });
    return prepared instanceof Promise ? prepared.catch(refuse) : prepared;
  } catch (error) {
    return refuse(error);
  }
}

interface Asked {
  readonly input: unknown;
  readonly options: EnqueueOptions | undefined;
  readonly as: EnqueuedAs | undefined;
}

function prepare(settings: EnqueueSettings, task: TaskDefinition, { input, options, as }: Asked): Prepared | Promise<Prepared> {
  const given = options === undefined ? NO_OPTIONS : parseOptions(enqueueOptions, options, `enqueue of "${task.name}"`);
  if (given.tx !== undefined) transactionsOf(settings.engine, `enqueue of "${task.name}": tx`);
  const checked = task.input === undefined ? undefined : parse(task.input, input, task.name);
  if (checked instanceof Promise) return checked.then(() => write(settings, task, input, given, as));
  return write(settings, task, input, given, as);
}

/** What is computed of a job, so that it is the same when its enqueue is repeated. */
export interface EnqueuedAs {
  readonly id: string;
  /** When it counts as enqueued by those that route it. */
  readonly at: number;
}

export interface Prepared {
  readonly queue: string;
  readonly job: NewJob;
  readonly call: EnqueueCall;
  readonly task: TaskDefinition;
  /** Given for this enqueue. */
  readonly key: string | undefined;
  readonly claim: StoredClaim | undefined;
  readonly unique: PreparedUnique | undefined;
  readonly tx: SqlExecutor | undefined;
}

export interface PreparedUnique {
  readonly rule: UniqueRule;
  readonly rejects: boolean;
}

function write(settings: EnqueueSettings, task: TaskDefinition, input: unknown, options: EnqueueOptions, as?: EnqueuedAs): Prepared {
  const timestamp = Date.now();
  const headers = options.headers ?? {};
  const { id, at } = as ?? { id: newJobId(), at: timestamp };
  if (options.queue !== undefined) assertName('queue', options.queue);
  const call = { task: task.name, queue: namedQueue(task.queue), input, headers, at };
  const route = options.queue === undefined ? routeOf(settings.policies, call) : undefined;
  const queue = options.queue ?? route?.queue ?? task.queue;
  const uniqueness = uniquenessOf(task);
  const delayMs = delayOf(options, timestamp, task.name) || (uniqueness?.delayMs ?? 0);
  const priority = priorityOf(options.priority ?? route?.priority, queue, settings.queues.get(queue));
  const attempts = options.attempts ?? (task.retry.attempts > 1 ? task.retry.attempts : undefined);
  const { idempotencyKey: key, tx } = options;
  const inputText = encodeInput(input, settings.limits);
  const claim = claimOf(task, { input, key });
  if (options.attempts !== undefined && options.attempts > 1 && claim === undefined) settings.repeats(task);
  assertDecidable(task.name, { uniqueness, claim, tx });
  const job: NewJob = {
    id,
    name: task.name,
    data: encodeEnvelope(inputText, encodeHeaders(options.headers), expiresAt(options.expires, timestamp + delayMs), undefined, claim),
    timestamp,
    ...(delayMs > 0 ? { delayMs } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(attempts === undefined ? {} : { attempts }),
  };
  const unique = uniqueness === undefined ? undefined : prepareUnique(uniqueness, task.name, input);
  const seen = { id: publicId(id, queue), task: task.name, queue, input, headers, options: task.extra };
  return { queue, job, call: seen, task, key, claim, unique, tx };
}

function prepareUnique(uniqueness: Uniqueness, task: string, input: unknown): PreparedUnique {
  return { rule: { ...uniqueness.rule, key: uniqueKey(task, uniqueness, input) }, rejects: uniqueness.rejects };
}

/** Two answers to the question whether there is a job at all exclude each other, and one that others can see does not wait for a commit. */
function assertDecidable(
  task: string,
  {
    uniqueness,
    claim,
    tx,
  }: { readonly uniqueness: Uniqueness | undefined; readonly claim: StoredClaim | undefined; readonly tx: SqlExecutor | undefined },
): void {
  if (uniqueness !== undefined && claim !== undefined)
    throw new OxbowError('invalid_options', `enqueue of "${task}": ${uniqueness.option} and an idempotency key exclude each other.`);
  const option = uniqueness?.option ?? (claim === undefined ? undefined : 'an idempotency key');
  if (option !== undefined && tx !== undefined)
    throw new OxbowError('transaction_unsupported', `enqueue of "${task}": a job with ${option} cannot be enqueued inside a transaction.`);
}

function delayOf({ delay, at }: EnqueueOptions, now: number, task: string): number {
  if (delay !== undefined && at !== undefined) throw new OxbowError('invalid_options', `enqueue of "${task}": give delay or at, not both.`);
  if (delay !== undefined) return parseDuration(delay, `enqueue of "${task}": delay`);
  if (at === undefined) return 0;
  return parseDuration(Math.min(Math.max(0, at.getTime() - now), MAX_DURATION_MS + 1), `enqueue of "${task}": at`);
}

function expiresAt(expires: EnqueueOptions['expires'], readyAt: number): number | undefined {
  if (expires === undefined) return undefined;
  return expires instanceof Date ? expires.getTime() : readyAt + parseDuration(expires, 'expires');
}

/** BullMQ's priority of a job on a queue: 1 is first; a job without a priority would go before all that have one. */
export function priorityOf(priority: number | undefined, queue: string, declaration: QueuePriorities | undefined): number | undefined {
  if (declaration?.priorities === true) return 10 - (priority ?? DEFAULT_PRIORITY);
  if (priority === undefined) return undefined;
  throw new OxbowError(
    'invalid_options',
    `Queue "${queue}" has no priorities: declare it with createApp({ queues: { ${JSON.stringify(queue)}: { priorities: true } } }), or leave priority out.`,
  );
}

/** Jobs of one call, told so to policies. */
export function together({ policies }: EnqueueSettings, prepared: readonly Prepared[]): readonly Prepared[] {
  if (policies.length === 0) return prepared;
  const batch = batchOf(prepared.map(({ call }) => call));
  return prepared.map((one) => ({ ...one, call: { ...one.call, batch } }));
}

/** A prepared job whose input or headers a policy has changed; they are checked and written again. */
export function rewrite({ limits }: EnqueueSettings, prepared: Prepared, call: EnqueueCall): Prepared {
  const { job, task, key } = prepared;
  const claim = claimOf(task, { input: call.input, key });
  return { ...prepared, queue: call.queue, claim, job: { ...job, data: rewritten(job.data, call, limits, claim) } };
}
