import { OxbowError, type Duration, type FinishedRetention, type QueueDeclaration, type TaskPolicies } from '@oxbow/core';
import { z } from 'zod';
import { nearest } from './nearest.ts';
import { parseOptions } from './options.ts';

/** What limits the jobs of a queue; they are options of its tasks. */
export interface QueueLimits {
  /** How long an attempt may take. @defaultValue no limit */
  readonly timeout?: TaskPolicies['timeout'] | undefined;
  /** How many of the queue's jobs run at a time, on all workers together. @defaultValue no limit */
  readonly concurrency?: number | undefined;
  /** How many of the queue's jobs start in a time, on all workers together. @defaultValue no limit */
  readonly rate?: { readonly limit: number; readonly per: Duration } | undefined;
}

/** One queue of a preset. */
export interface QueueSettings {
  /** How many of its jobs a worker runs at a time that has slots for each queue (1–1000). */
  readonly slots: number;
  /** Its part of a pool, beside the others' (more than 0, at most 1000). */
  readonly weight: number;
  /** Its jobs carry a priority: a preset of queues has little need of it. @defaultValue false */
  readonly priorities?: boolean | undefined;
  /** What is kept of its finished jobs. @defaultValue the app's `retention` */
  readonly retention?: FinishedRetention | undefined;
  readonly limits?: QueueLimits | undefined;
  /** How long its jobs should wait at most: for alerts and autoscaling; nothing enforces it. */
  readonly maxWait?: Duration | undefined;
}

/** What a task of a queue takes: `app.task(name, { ...preset.task.bulk, run })`. */
export interface QueueTaskOptions<Name extends string> {
  readonly queue: Name;
  readonly timeout?: NonNullable<TaskPolicies['timeout']>;
  readonly concurrency?: { readonly key: () => string; readonly limit: number };
  readonly rateLimit?: { readonly key: () => string; readonly limit: number; readonly per: Duration };
}

/** Queues and what is said of them, as plain data in the forms that an app, its workers and its tasks take. */
export interface QueuePreset<Name extends string> {
  /** First the one with the greatest claim. */
  readonly names: readonly Name[];
  readonly settings: Readonly<Record<Name, QueueSettings>>;
  /** `createApp({ name, ...preset.app })` */
  readonly app: { readonly queues: Readonly<Record<Name, QueueDeclaration>> };
  /** `app.worker({ ...preset.worker })`: slots for each queue. */
  readonly worker: { readonly queues: Readonly<Record<Name, number>> };
  /** `app.worker({ ...preset.pool })`: as many slots as all of them together, in one pool. */
  readonly pool: { readonly pool: { readonly slots: number; readonly queues: Readonly<Record<Name, number>> } };
  /** `app.task(name, { ...preset.task.bulk, run })` */
  readonly task: { readonly [Each in Name]: QueueTaskOptions<Each> };
}

/** Queue → what is to be different about it; `limits` one by one. */
export type QueueOverrides<Name extends string> = { readonly [Each in Name]?: Partial<QueueSettings> };

const limits = z.strictObject({
  timeout: z.unknown().optional(),
  concurrency: z.int().min(1).max(1_000_000).optional(),
  rate: z.strictObject({ limit: z.int().min(1).max(1_000_000), per: z.union([z.string(), z.number()]) }).optional(),
});
const settings = z.strictObject({
  slots: z.int().min(1).max(1000),
  weight: z.number().positive().max(1000),
  priorities: z.boolean().optional(),
  retention: z.unknown().optional(),
  limits: limits.optional(),
  maxWait: z.union([z.string(), z.number()]).optional(),
});
const KNOWN = [...Object.keys(settings.shape), ...Object.keys(limits.shape)];

/**
 * A preset of queues of your own. What an app or a task is to check, as durations, it checks when the preset is spread into it.
 * @throws OxbowError `invalid_options`, `invalid_name`
 */
export function createPreset<const Name extends string>(queues: Readonly<Record<Name, QueueSettings>>): QueuePreset<Name> {
  const names = Object.keys(queues) as Name[];
  if (names.length === 0) throw new OxbowError('invalid_options', 'createPreset(): there is no queue.');
  for (const name of names) {
    if (!/^[\w.-]{1,128}$/u.test(name)) throw new OxbowError('invalid_name', `createPreset(): "${name}" can be no name of a queue.`);
    parseOptions(settings, queues[name], `queue "${name}" of a preset`, KNOWN);
  }
  const each = <Value>(of: (one: QueueSettings, name: Name) => Value): Readonly<Record<Name, Value>> =>
    Object.fromEntries(names.map((name) => [name, of(queues[name], name)])) as Readonly<Record<Name, Value>>;
  const slots = each((queue) => queue.slots);
  const total = names.reduce((sum, name) => sum + slots[name], 0);
  return {
    names,
    settings: queues,
    app: { queues: each(({ priorities, retention }) => ({ ...given('priorities', priorities), ...given('retention', retention) })) },
    worker: { queues: slots },
    pool: { pool: { slots: Math.min(1000, total), queues: each(({ weight }) => weight) } },
    task: each(toTask) as QueuePreset<Name>['task'],
  };
}

/**
 * The preset of some queues of another: for a process that serves only these.
 * @throws OxbowError `unknown_queue`, `invalid_options`
 */
export function pick<Name extends string, const Picked extends Name>(
  preset: QueuePreset<Name>,
  ...names: readonly Picked[]
): QueuePreset<Picked> {
  for (const name of names)
    if (!Object.hasOwn(preset.settings, name))
      throw new OxbowError('unknown_queue', `pick(): the preset has no queue "${name}".${nearest(name, preset.names)}`);
  return createPreset(Object.fromEntries(names.map((name) => [name, preset.settings[name]])) as Record<Picked, QueueSettings>);
}

/** @throws OxbowError `unknown_queue`, `invalid_options` */
export function overridden<Name extends string>(
  what: string,
  base: Readonly<Record<Name, QueueSettings>>,
  overrides: QueueOverrides<Name>,
): QueuePreset<Name> {
  const known = Object.keys(base);
  for (const [name, override] of Object.entries(overrides)) {
    if (!Object.hasOwn(base, name)) throw new OxbowError('unknown_queue', `${what}: there is no queue "${name}".${nearest(name, known)}`);
    if (typeof override !== 'object' || override === null) throw new OxbowError('invalid_options', `${what}: ${name} must be an object.`);
  }
  const merged = (Object.entries(base) as [Name, QueueSettings][]).map(([name, settingsOf]) => {
    const { limits: own, ...rest }: Partial<QueueSettings> = overrides[name] ?? {};
    return [name, { ...settingsOf, ...rest, limits: { ...settingsOf.limits, ...own } }];
  });
  return createPreset(Object.fromEntries(merged) as Record<Name, QueueSettings>);
}

function toTask(queue: QueueSettings, name: string): QueueTaskOptions<string> {
  const { timeout, concurrency, rate } = queue.limits ?? {};
  const key = (): string => `queue:${name}`;
  return {
    queue: name,
    ...given('timeout', timeout),
    ...given('concurrency', concurrency === undefined ? undefined : { key, limit: concurrency }),
    ...given('rateLimit', rate === undefined ? undefined : { key, ...rate }),
  };
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [Each in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [Each in Key]?: Value };
}
