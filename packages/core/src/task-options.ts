import * as z from 'zod/mini';
import type { Handler } from './client/task.ts';
import { OxbowError } from './errors.ts';
import type { Capability } from './policies/capability.ts';
import { concurrency, type ConcurrencyOptions } from './policies/concurrency.ts';
import { deadLetter } from './policies/dead-letter.ts';
import { delivery, type Delivery } from './policies/delivery.ts';
import { debounce, type DebounceOptions } from './policies/debounce.ts';
import { idempotency, type IdempotencyOptions } from './policies/idempotency.ts';
import { lock, type LockOptions } from './policies/lock.ts';
import { heartbeatOption, resolveHeartbeat, type HeartbeatOptions } from './policies/heartbeat.ts';
import { isolateOption, resolveIsolation, type IsolateOptions } from './policies/isolation.ts';
import type { Policy } from './policies/policy.ts';
import { resultTtl } from './policies/result-ttl.ts';
import { rateLimit, type RateLimitOptions } from './policies/rate-limit.ts';
import { throttle, type ThrottleOptions } from './policies/throttle.ts';
import { unique, type UniqueOptions } from './policies/unique.ts';
import { uniquenessOf } from './policies/uniqueness.ts';
import { resolveTimeLimits, timeoutOption, type TimeLimitOptions } from './policies/time-limits.ts';
import type { AsResult } from './results/bytes.ts';
import type { TaskDefinition } from './task/definition.ts';
import type { Duration } from './task/duration.ts';
import { assertName } from './task/name.ts';
import { parseOptions, unknownOption } from './task/options.ts';
import { resolveRetry, retryOptions, type RetryOptions } from './task/retry.ts';
import type { InputOf, OutputOf, Schema } from './task/schema.ts';

/**
 * How a task runs, whatever it does: what `app.preset` can share.
 *
 * @typeParam Input - of the functions that make keys, in the form that producers give.
 * @typeParam Deps - what `isolate.startup` makes.
 */
export interface TaskPolicies<Input = never, Deps = unknown> {
  /** @defaultValue 'default' */
  readonly queue?: string;
  /** @defaultValue no retry */
  readonly retry?: RetryOptions;
  /**
   * One recorded result for each key; `'natural'`: to repeat the task is harmless, so nothing is stored. A task that is retried must say
   * one of the two, or the start warns. @defaultValue none
   */
  readonly idempotency?: IdempotencyOptions<Input> | 'natural';
  /** @defaultValue none */
  readonly concurrency?: ConcurrencyOptions<Input>;
  /** @defaultValue none */
  readonly rateLimit?: RateLimitOptions<Input>;
  /** @defaultValue none */
  readonly lock?: LockOptions<Input>;
  /** At most one job with a key at a time; excludes `throttle` and `debounce`. Not for steps of a canvas. @defaultValue none */
  readonly unique?: UniqueOptions<Input>;
  /** At most one job with a key in a time; excludes `unique` and `debounce`. Not for steps of a canvas. @defaultValue none */
  readonly throttle?: ThrottleOptions<Input>;
  /** One job for many enqueues that follow each other; excludes `unique` and `throttle`. Not for steps of a canvas. @defaultValue none */
  readonly debounce?: DebounceOptions<Input>;
  /** How long one attempt may take: a hard limit, or a soft and a hard one. @defaultValue no limit */
  readonly timeout?: Duration | TimeLimitOptions;
  /** Ends an attempt that does not call `ctx.heartbeat`. @defaultValue no heartbeat is expected */
  readonly heartbeat?: HeartbeatOptions;
  /** Where the handler runs. @defaultValue in the worker's own thread */
  readonly isolate?: IsolateOptions<Deps>;
  /** What happens to a job whose worker was lost while it ran: another start, or none. @defaultValue 'at-least-once' */
  readonly delivery?: Delivery;
  /** Whether finally failed jobs are dead letters. @defaultValue true */
  readonly deadLetter?: boolean;
  /**
   * How long a succeeded job, and its result, are kept: longer than the app's `retention.succeeded`, or shorter. At least a second; it
   * goes within a minute after that. A `count` of the app may take what is not kept for longer than its `age` sooner.
   * @defaultValue `retention.succeeded` of the app
   */
  readonly resultTtl?: Duration;
}

/** A task with an input schema. */
export interface SchemaTaskOptions<
  In extends Schema,
  Out extends Schema | undefined,
  Returned,
  Deps,
  State extends string,
> extends TaskPolicies<InputOf<In>, Deps> {
  /** Any Standard Schema. Producers give its input form, handlers get its output form. */
  readonly input: In;
  /** What the handler must return; `result()` gives its output form. */
  readonly output?: Out;
  /** Names for `ctx.setState`. */
  readonly states?: readonly State[];
  readonly run: Handler<OutputOf<In>, Out extends Schema ? InputOf<Out> : Returned, Deps, State>;
}

/** A task whose input is only typed, not checked. */
export interface PlainTaskOptions<In, Out extends Schema | undefined, Returned, Deps, State extends string> extends TaskPolicies<In, Deps> {
  readonly output?: Out;
  readonly states?: readonly State[];
  readonly run: Handler<In, Out extends Schema ? InputOf<Out> : Returned, Deps, State>;
}

/** A task that is declared here and implemented elsewhere. */
export interface ContractOptions<In extends Schema, Out extends Schema, State extends string> extends TaskPolicies<InputOf<In>> {
  readonly input: In;
  readonly output: Out;
  readonly states?: readonly State[];
}

/** What `result()` resolves to: what the task returns; bytes and streams of them as a Buffer. */
export type ResultOf<Out extends Schema | undefined, Returned> = AsResult<Out extends Schema ? OutputOf<Out> : Awaited<Returned>>;

const schema = z.custom<Schema>(
  (value) => typeof (value as Schema | undefined)?.['~standard']?.validate === 'function',
  'must be a Standard Schema, like z.object({ … })',
);

/** Oxbow's own; in what order they wrap an attempt, the pipeline says. */
// oxlint-disable-next-line no-explicit-any -- each is only ever given what its own schema has read
const CAPABILITIES: readonly Capability<any, any>[] = [
  concurrency,
  rateLimit,
  lock,
  idempotency,
  unique,
  throttle,
  debounce,
  delivery,
  deadLetter,
  resultTtl,
];

const own = {
  ...Object.fromEntries(CAPABILITIES.map(({ option, schema: given }) => [option, z.optional(given)])),
  queue: z.optional(z.string()),
  retry: z.optional(retryOptions),
  timeout: z.optional(timeoutOption),
  heartbeat: z.optional(heartbeatOption),
  isolate: z.optional(isolateOption),
  input: z.optional(schema),
  output: z.optional(schema),
  states: z.optional(z.array(z.string())),
  run: z.optional(z.custom<NonNullable<TaskDefinition['handler']>>((value) => typeof value === 'function', 'must be the handler function')),
};

const taskOptions = z.strictObject(own);
const OWN = Object.keys(own);

/**
 * @param preset - defaults under `options`.
 * @throws OxbowError `invalid_options` (an option nobody owns comes with a suggestion), `invalid_name`
 */
export function defineTask(name: string, options: object, preset: object, policies: readonly Policy[]): TaskDefinition {
  assertName('task', name);
  if (typeof options !== 'object' || options === null)
    throw new OxbowError('invalid_options', `task "${name}": options must be an object.`);
  const { mine, extra } = split({ ...preset, ...options }, name, policies);
  const {
    queue = 'default',
    retry,
    input,
    output,
    states = [],
    run,
    timeout,
    heartbeat,
    isolate,
    ...given
  } = parseOptions(taskOptions, mine, `task "${name}"`);
  assertName('queue', queue);
  for (const state of states) assertName('state', state);
  const capabilities = resolve(given, name);
  uniquenessOf({ name, capabilities });
  return {
    name,
    queue,
    input,
    output,
    states: new Set(states),
    retry: resolveRetry(retry, name),
    timeLimits: resolveTimeLimits(timeout, name),
    heartbeatMs: resolveHeartbeat(heartbeat, name),
    isolation: resolveIsolation(isolate, name),
    capabilities,
    extra,
    handler: run,
  };
}

function resolve(given: Readonly<Record<string, unknown>>, task: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    CAPABILITIES.flatMap(({ option, resolve: settle }) =>
      given[option] === undefined ? [] : [[option, settle(given[option], task)] as const],
    ),
  );
}

const fn = z.custom<never>((value) => typeof value === 'function', 'must be a function');
const policyShape = z.strictObject({
  name: z.string(),
  options: z.optional(z.record(z.string(), schema)),
  install: z.optional(fn),
  route: z.optional(fn),
  enqueue: z.optional(fn),
  ownTasks: z.optional(z.boolean()),
  run: z.optional(fn),
});

/** @throws OxbowError `invalid_options`, `invalid_name`: also when its name or one of its options is taken. */
export function assertPolicy(policy: unknown, others: readonly Policy[]): void {
  const { name, options = {} } = parseOptions(policyShape, policy, 'app.use()');
  assertName('policy', name);
  if (others.some((other) => other.name === name))
    throw new OxbowError('invalid_options', `app.use(): there is a policy "${name}" already.`);
  for (const option of Object.keys(options)) {
    const owner = OWN.includes(option) ? 'Oxbow' : others.find((other) => Object.hasOwn(other.options ?? {}, option))?.name;
    if (owner !== undefined)
      throw new OxbowError('invalid_options', `app.use("${name}"): the task option "${option}" belongs to ${owner}.`);
  }
}

/** The task's own options, and those that policies own, read by their schemas. */
function split(
  options: object,
  name: string,
  policies: readonly Policy[],
): { readonly mine: object; readonly extra: Record<string, unknown> } {
  const owners = new Map(policies.flatMap((policy) => Object.entries((policy.options ?? {}) as Record<string, Schema>)));
  const mine: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (OWN.includes(key)) mine[key] = value;
    else extra[key] = readOption(key, value, owners, name);
  }
  return { mine, extra };
}

function readOption(key: string, value: unknown, owners: ReadonlyMap<string, Schema>, name: string): unknown {
  const owner = owners.get(key);
  if (owner === undefined) throw unknownOption(key, `task "${name}"`, [], [...OWN, ...owners.keys()]);
  const result = owner['~standard'].validate(value);
  if (result instanceof Promise)
    throw new OxbowError('invalid_options', `task "${name}": the schema of option "${key}" must be synchronous.`);
  if (result.issues === undefined) return result.value;
  throw new OxbowError('invalid_options', `task "${name}": ${key}: ${result.issues.map((issue) => issue.message).join('; ')}`);
}
