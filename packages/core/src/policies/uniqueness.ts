import * as z from 'zod/mini';
import type { UniqueRule } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { storeKey } from './key.ts';

/** What `unique`, `throttle` and `debounce` come to. */
export interface Uniqueness {
  readonly option: 'unique' | 'throttle' | 'debounce';
  readonly key: ((input: never) => string) | undefined;
  readonly rule: Omit<UniqueRule, 'key'>;
  /** An enqueue that finds a job standing is rejected. */
  readonly rejects: boolean;
  /** Of jobs that are enqueued without a delay. */
  readonly delayMs: number | undefined;
}

/** @internal The option `key`: what makes two jobs the same. */
export const keyOption: z.ZodMiniType<(input: never) => string> = z.custom<(input: never) => string>(
  (value) => typeof value === 'function',
  'must be a function of the input',
);

/** A key is remembered so long at the most, where its job decides when it is free. */
export const REMEMBERED_MS: number = 7 * 24 * 3600 * 1000;
/** When a job that follows another looks whether that has ended, should nobody have told it. */
export const FOLLOWER_DELAY_MS = 15_000;

const OPTIONS = ['unique', 'throttle', 'debounce'] as const;

/** The one of the three that a task has. @throws OxbowError `invalid_options` when it has two */
export function uniquenessOf({ name, capabilities }: Pick<TaskDefinition, 'name' | 'capabilities'>): Uniqueness | undefined {
  const [first, second] = OPTIONS.filter((option) => capabilities[option] !== undefined);
  if (second !== undefined)
    throw new OxbowError(
      'invalid_options',
      `task "${name}": ${String(first)} and ${second} exclude each other: both say which jobs are added.`,
    );
  return first === undefined ? undefined : (capabilities[first] as Uniqueness);
}

/** A task's keys are its own. Without a key function all jobs of the task have one. @throws OxbowError `invalid_key` */
export function uniqueKey(task: string, { key }: Uniqueness, input: unknown): string {
  return storeKey(`unique:${task}`, key === undefined ? 'all' : key(input as never));
}
