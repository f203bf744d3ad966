import { z } from 'zod';
import type { Handler } from './client/task.ts';
import { OxbowError } from './errors.ts';
import { heartbeatOption, resolveHeartbeat, type HeartbeatOptions } from './policies/heartbeat.ts';
import { isolateOption, resolveIsolation, type IsolateOptions } from './policies/isolation.ts';
import type { Policy } from './policies/policy.ts';
import { resolveTimeLimits, timeoutOption, type TimeLimitOptions } from './policies/time-limits.ts';
import type { TaskDefinition } from './task/definition.ts';
import type { Duration } from './task/duration.ts';
import { assertName } from './task/name.ts';
import { parseOptions, unknownOption } from './task/options.ts';
import { resolveRetry, retryOptions, type RetryOptions } from './task/retry.ts';
import type { InputOf, OutputOf, Schema } from './task/schema.ts';

/** How a task runs, whatever it does: what `app.preset` can share. */
export interface TaskPolicies {
  /** @defaultValue 'default' */
  readonly queue?: string;
  /** @defaultValue no retry */
  readonly retry?: RetryOptions;
  /** How long one attempt may take: a hard limit, or a soft and a hard one. @defaultValue no limit */
  readonly timeout?: Duration | TimeLimitOptions;
  /** Ends an attempt that does not call `ctx.heartbeat`. @defaultValue no heartbeat is expected */
  readonly heartbeat?: HeartbeatOptions;
  /** Where the handler runs. @defaultValue in the worker's own thread */
  readonly isolate?: IsolateOptions;
}

/** A task with an input schema. */
export interface SchemaTaskOptions<
  In extends Schema,
  Out extends Schema | undefined,
  Returned,
  Deps,
  State extends string,
> extends TaskPolicies {
  /** Any Standard Schema. Producers give its input form, handlers get its output form. */
  readonly input: In;
  /** What the handler must return; `result()` gives its output form. */
  readonly output?: Out;
  /** Names for `ctx.setState`. */
  readonly states?: readonly State[];
  readonly run: Handler<OutputOf<In>, Out extends Schema ? InputOf<Out> : Returned, Deps, State>;
}

/** A task whose input is only typed, not checked. */
export interface PlainTaskOptions<In, Out extends Schema | undefined, Returned, Deps, State extends string> extends TaskPolicies {
  readonly output?: Out;
  readonly states?: readonly State[];
  readonly run: Handler<In, Out extends Schema ? InputOf<Out> : Returned, Deps, State>;
}

/** A task that is declared here and implemented elsewhere. */
export interface ContractOptions<In extends Schema, Out extends Schema, State extends string> extends TaskPolicies {
  readonly input: In;
  readonly output: Out;
  readonly states?: readonly State[];
}

/** What `result()` resolves to. */
export type ResultOf<Out extends Schema | undefined, Returned> = Out extends Schema ? OutputOf<Out> : Awaited<Returned>;

const schema = z.custom<Schema>(
  (value) => typeof (value as Schema | undefined)?.['~standard']?.validate === 'function',
  'must be a Standard Schema, like z.object({ … })',
);

const own = {
  queue: z.string().optional(),
  retry: retryOptions.optional(),
  timeout: timeoutOption.optional(),
  heartbeat: heartbeatOption.optional(),
  isolate: isolateOption.optional(),
  input: schema.optional(),
  output: schema.optional(),
  states: z.array(z.string()).optional(),
  run: z.custom<NonNullable<TaskDefinition['handler']>>((value) => typeof value === 'function', 'must be the handler function').optional(),
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
  } = parseOptions(taskOptions, mine, `task "${name}"`);
  assertName('queue', queue);
  for (const state of states) assertName('state', state);
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
    extra,
    handler: run,
  };
}

const fn = z.custom<never>((value) => typeof value === 'function', 'must be a function');
const policyShape = z.strictObject({
  name: z.string(),
  options: z.record(z.string(), schema).optional(),
  enqueue: fn.optional(),
  run: fn.optional(),
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
