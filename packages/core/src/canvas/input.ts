import { OxbowError } from '../errors.ts';
import type { CanvasMessage } from './plan.ts';

/**
 * The input of a call: predecessor's result < its own partial input. Objects are merged; a result of `null` or nothing
 * counts as none.
 * @throws OxbowError `invalid_input` when both are there and the result is no object
 */
export function toInput(task: string, own: unknown, { i, k }: Pick<CanvasMessage, 'i' | 'k'>, value: unknown): unknown {
  if (i === 1) return own;
  if (k !== undefined) return own === undefined ? { [k]: value } : { [k]: value, ...asObject(task, own) };
  if (own === undefined) return value;
  if (value === undefined || value === null) return own;
  if (!isObject(own)) return own;
  return { ...asObject(task, value), ...own };
}

/** The same with input that was given at enqueue, which wins. */
export function withStart(own: unknown, key: string | undefined, start: unknown): unknown {
  if (key !== undefined) return isObject(own) ? { ...own, [key]: start } : { [key]: start };
  return isObject(own) && isObject(start) ? { ...own, ...start } : start;
}

function asObject(task: string, value: unknown): object {
  if (isObject(value)) return value;
  const kind = Array.isArray(value) ? 'an array' : ArrayBuffer.isView(value) ? 'bytes' : `a ${typeof value}`;
  throw new OxbowError(
    'invalid_input',
    `Task "${task}" has a partial input, and the result before it is ${kind}, which cannot be merged into it: name the key that it goes to with .receive('key').`,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
