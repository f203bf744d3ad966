import { z } from 'zod';
import type { CanvasRunner } from '../canvas/run-handle.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Engine, NewJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { encodeHeaders, encodeInput, rewritten, wrapEnqueue } from '../policies/enqueue-wrapping.ts';
import type { EnqueueCall, Policy } from '../policies/policy.ts';
import type { SignalBus } from '../signals.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { durationOption, MAX_DURATION_MS, parseDuration, type Duration } from '../task/duration.ts';
import { encodeEnvelope } from '../task/envelope.ts';
import { newJobId, publicId } from '../task/id.ts';
import { assertName } from '../task/name.ts';
import { parseOptions } from '../task/options.ts';
import type { PayloadLimits } from '../task/payload.ts';
import { MAX_ATTEMPTS } from '../task/retry.ts';
import { parse } from '../task/schema.ts';

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
}

/** What an app declares of a queue. */
export interface QueueDeclaration {
  /** Jobs carry a priority; those without one get 5. @defaultValue false */
  readonly priorities?: boolean;
}

export interface EnqueueSettings {
  readonly engine: Engine;
  readonly signals: SignalBus;
  readonly limits: PayloadLimits;
  readonly queues: ReadonlyMap<string, QueueDeclaration>;
  readonly policies: readonly Policy[];
  /** What signatures of this app's tasks are run by. */
  readonly canvas: CanvasRunner;
}

const DEFAULT_PRIORITY = 5;

const enqueueOptions: z.ZodType<EnqueueOptions> = z.strictObject({
  delay: durationOption.optional(),
  at: z.date().optional(),
  priority: z.int().min(0).max(9).optional(),
  expires: z.union([z.date(), durationOption]).optional(),
  queue: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  attempts: z.int().min(1).max(MAX_ATTEMPTS).optional(),
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
}

function write(settings: EnqueueSettings, task: TaskDefinition, input: unknown, options: EnqueueOptions, id: string): Prepared {
  const queue = options.queue ?? task.queue;
  if (options.queue !== undefined) assertName('queue', queue);
  const timestamp = Date.now();
  const delayMs = delayOf(options, timestamp, task.name);
  const priority = priorityOf(options.priority, queue, settings.queues.get(queue));
  const attempts = options.attempts ?? (task.retry.attempts > 1 ? task.retry.attempts : undefined);
  const headers = options.headers ?? {};
  const job: NewJob = {
    id,
    name: task.name,
    data: encodeEnvelope(
      encodeInput(input, settings.limits),
      encodeHeaders(options.headers),
      expiresAt(options.expires, timestamp + delayMs),
    ),
    timestamp,
    ...(delayMs > 0 ? { delayMs } : {}),
    ...(priority === undefined ? {} : { priority }),
    ...(attempts === undefined ? {} : { attempts }),
  };
  return { queue, job, call: { task: task.name, queue, input, headers, options: task.extra } };
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

/** Sends a prepared job through the policies that wrap enqueues, which may change its input and headers. */
export async function send({ engine, policies, limits, signals }: EnqueueSettings, { queue, job, call }: Prepared): Promise<void> {
  const wrapping = policies.filter((policy) => policy.enqueue !== undefined);
  if (wrapping.length === 0) await engine.add(queue, job);
  else
    await wrapEnqueue(wrapping, call, async (last) => {
      await engine.add(last.queue, last === call ? job : { ...job, data: rewritten(job.data, last, limits) });
    });
  crashpoint('after-add-before-reply');
  if (signals.wants('task:enqueued')) signals.emit('task:enqueued', { id: publicId(job.id, queue), task: job.name, queue });
}
