import { OxbowError } from '../errors.ts';
import { parse } from '../task/schema.ts';
import type { Schema } from '../task/schema.ts';
import type { Attempt } from './attempt.ts';

/** True for a job that runs its handler on every item of its input. */
export function isMapCall({ canvas }: Attempt): boolean {
  return canvas?.message.m === 1;
}

/** Every item as the schema reads it. @throws InvalidInputError for the first that does not fit */
export async function parseItems(
  schema: Schema | undefined,
  items: unknown,
  task: string,
  code?: 'invalid_output',
): Promise<readonly unknown[]> {
  if (!Array.isArray(items)) throw new OxbowError('invalid_input', `A map of task "${task}" needs a list as its input.`);
  if (schema === undefined) return items;
  const parsed: unknown[] = [];
  for (const item of items) parsed.push(await parse(schema, item, task, code));
  return parsed;
}

/** The handler's results, one after the other. Between items it stops when the attempt is told to. */
export async function runItems({ context }: Attempt, items: unknown, call: (item: unknown) => unknown): Promise<readonly unknown[]> {
  const results: unknown[] = [];
  for (const [at, item] of (items as readonly unknown[]).entries()) {
    if (context?.abortReason !== undefined) throw context.abortReason;
    context?.startItem(at);
    results.push((await call(item)) ?? null);
  }
  return results;
}
