import { z } from 'zod';
import type { CanvasRunner } from '../canvas/run-handle.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Engine, NewJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { once } from '../execution/attempt.ts';
import { claimOf } from '../policies/idempotency.ts';
import type { EnqueueCall, Policy } from '../policies/policy.ts';
import type { SignalBus } from '../signals.ts';
import type { Stores } from '../store/stores.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { durationOption, MAX_DURATION_MS, parseDuration, type Duration } from '../task/duration.ts';
import { encodeEnvelope, type StoredClaim } from '../task/envelope.ts';
import { newJobId, publicId } from '../task/id.ts';
import { assertName } from '../task/name.ts';
import { parseOptions } from '../task/options.ts';
import { encodePayload, type PayloadLimits } from '../task/payload.ts';
import { MAX_ATTEMPTS } from '../task/retry.ts';
import { parse } from '../task/schema.ts';
import { addClaimed, type Added } from './idempotent-add.ts';

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
  /** @defaultValue the task's queue */
  readonly queue?: string;
  /** Short strings that travel with the job; `ctx.headers` has them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Runs of the handler in all, 1–100. @defaultValue the task's `retry.attempts` */
  readonly attempts?: number;
  /** Stands for this very request: see the task option `idempotency`. Instead of what the task's own `key` would make. */
  readonly idempotencyKey?: string;
}

/** What an app declares of a queue. */
export interface QueueDeclaration {
  /** Jobs carry a priority; those without one get 5. @defaultValue false */
  readonly priorities?: boolean;
}

export interface EnqueueSettings {
  readonly engine: Engine;
  readonly stores: Stores;
  readonly signals: SignalBus;
  readonly limits: PayloadLimits;
  readonly queues: ReadonlyMap<string, QueueDeclaration>;
  readonly policies: readonly Policy[];
  /** What signatures of this app's tasks are run by. */
  readonly canvas: CanvasRunner;
}

const DEFAULT_PRIORITY = 5;
const MAX_HEADERS_BYTES = 16_384;

const enqueueOptions: z.ZodType<EnqueueOptions> = z.strictObject({
  delay: durationOption.optional(),
  at: z.date().optional(),
  priority: z.int().min(0).max(9).optional(),
  expires: z.union([z.date(), durationOption]).optional(),
  queue: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  attempts: z.int().min(1).max(MAX_ATTEMPTS).optional(),
  idempotencyKey: z.string().optional(),
}) as z.ZodType<EnqueueOptions>;

const NO_OPTIONS: EnqueueOptions = Object.freeze({});

/** Checks one enqueue and writes it down as a job; nothing is sent yet. @throws InvalidInputError, SerializationError, OxbowError `invalid_options` */
export function prepareJob(
  settings: EnqueueSettings,
  task: TaskDefinition,
  input: unknown,
  options: EnqueueOptions | undefined,
  id: string = newJobId(),
): Prepared | Promise<Prepared> {
  const given = options === undefined ? NO_OPTIONS : parseOptions(enqueueOptions, options, `enqueue of "${task.name}"`);
  const checked = task.input === undefined ? undefined : parse(task.input, input, task.name);
  if (checked instanceof Promise) return checked.then(() => write(settings, task, input, given, id));
  return write(settings, task, input, given, id);
}

export interface Prepared {
  readonly queue: string;
  readonly job: NewJob;
  readonly call: EnqueueCall;
  readonly task: TaskDefinition;
  /** Given for this enqueue. */
  readonly key: string | undefined;
  readonly claim: StoredClaim | undefined;
}

function write(settings: EnqueueSettings, task: TaskDefinition, input: unknown, options: EnqueueOptions, id: string): Prepared {
  const queue = options.queue ?? task.queue;
  if (options.queue !== undefined) assertName('queue', queue);
  const timestamp = Date.now();
  const delayMs = delayOf(options, timestamp, task.name);
  const priority = priorityOf(options.priority, queue, settings.queues.get(queue));
  const attempts = options.attempts ?? (task.retry.attempts > 1 ? task.retry.attempts : undefined);
  const headers = options.headers ?? {};
  const { idempotencyKey: key } = options;
  const inputText = encodeInput(input, settings.limits);
  const claim = claimOf(task, { input, key });
  const job: NewJob = {
    id,
    name: task.name,
    data: encodeEnvelope(inputText, encodeHeaders(options.headers), expiresAt(options.expires, timestamp + delayMs), undefined, claim),
    timestamp,
    ...(delayMs > 0 ? { delayMs } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(attempts === undefined ? {} : { attempts }),
  };
  return { queue, job, call: { task: task.name, queue, input, headers, options: task.extra }, task, key, claim };
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
export function priorityOf(priority: number | undefined, queue: string, declaration: QueueDeclaration | undefined): number | undefined {
  if (declaration?.priorities === true) return 10 - (priority ?? DEFAULT_PRIORITY);
  if (priority === undefined) return undefined;
  throw new OxbowError(
    'invalid_options',
    `Queue "${queue}" has no priorities: declare it with createApp({ queues: { ${JSON.stringify(queue)}: { priorities: true } } }), or leave priority out.`,
  );
}

/** A task without input: nothing is sent, so the worker's schema sees what the producer's saw. */
function encodeInput(input: unknown, limits: PayloadLimits): string | undefined {
  return input === undefined ? undefined : encodePayload(input, 'input', limits);
}

function encodeHeaders(headers: EnqueueOptions['headers']): string | undefined {
  if (headers === undefined || Object.keys(headers).length === 0) return undefined;
  return encodePayload(headers, 'headers', { bytes: MAX_HEADERS_BYTES, depth: 1, keys: 100 });
}

/** Sends a prepared job through the policies that wrap enqueues. Gives the job that stands for it. */
export async function send(settings: EnqueueSettings, prepared: Prepared): Promise<Added> {
  const { queue, job } = prepared;
  const wrapping = settings.policies.filter((policy) => policy.enqueue !== undefined);
  const added = wrapping.length === 0 ? await add(settings, prepared, queue) : await wrapped(settings, wrapping, prepared);
  crashpoint('after-add-before-reply');
  if (added.created) announce(settings.signals, queue, job);
  return added;
}

async function add(settings: EnqueueSettings, { task, job, claim }: Prepared, queue: string): Promise<Added> {
  if (claim !== undefined) return addClaimed(settings, { task, queue, job, claim });
  await settings.engine.add(queue, job);
  return { place: { queue, id: job.id }, created: true };
}

export function announce(signals: SignalBus, queue: string, job: NewJob): void {
  if (signals.wants('task:enqueued')) signals.emit('task:enqueued', { id: publicId(job.id, queue), task: job.name, queue });
}

/** A policy may change input and headers; they are checked and written again. */
async function wrapped(settings: EnqueueSettings, policies: readonly Policy[], prepared: Prepared): Promise<Added> {
  let added: Added = { place: { queue: prepared.queue, id: prepared.job.id }, created: true };
  const last = async (call: EnqueueCall): Promise<void> => {
    added = await add(settings, call === prepared.call ? prepared : rewrite(settings, prepared, call), call.queue);
  };
  const chain = policies.reduceRight<(call: EnqueueCall) => Promise<void>>(
    (next, policy) => (current) => {
      let changed = current;
      const proceed = once(policy.name, () => next(changed));
      return (
        policy.enqueue?.(current, (given) => {
          changed = given;
          return proceed();
        }) ?? Promise.resolve()
      );
    },
    last,
  );
  await chain(prepared.call);
  return added;
}

function rewrite(settings: EnqueueSettings, prepared: Prepared, call: EnqueueCall): Prepared {
  const { job, task, key } = prepared;
  const expires = (JSON.parse(job.data) as { readonly x?: number }).x;
  const input = encodeInput(call.input, settings.limits);
  const claim = claimOf(task, { input: call.input, key });
  return { ...prepared, claim, job: { ...job, data: encodeEnvelope(input, encodeHeaders(call.headers), expires, undefined, claim) } };
}
