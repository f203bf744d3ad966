import { types } from 'node:util';
import type { FailureRecord } from '../task/envelope.ts';

const MAX_STACK = 8192;
const MAX_MESSAGE = 4096;
const MAX_NAME = 256;
const MAX_CAUSES = 5;

/** Anything thrown, as an Error; errors of other realms (node:vm) are errors. Of one that is frozen a copy: loggers write on errors. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error || types.isNativeError(thrown))
    return Object.isExtensible(thrown)
      ? thrown
      : (Object.create(Object.getPrototypeOf(thrown) as object, Object.getOwnPropertyDescriptors(thrown)) as Error);
  const error = new Error(typeof thrown === 'string' ? thrown : `The handler threw ${describe(thrown)}, which is no Error.`);
  error.name = 'NonError';
  return error;
}

function describe(thrown: unknown): string {
  return thrown === null ? 'null' : `a value of type ${typeof thrown}`;
}

/** The error with its causes, cut to what a job may carry. Its fields may be anything: it is somebody's own error. */
export function toFailureRecord(error: Error, depth = 0): FailureRecord {
  const { name, message, stack, code } = error as { readonly [K in 'name' | 'message' | 'stack' | 'code']?: unknown };
  return {
    name: typeof name === 'string' ? name.slice(0, MAX_NAME) : 'Error',
    message: (typeof message === 'string' ? message : describe(message)).slice(0, MAX_MESSAGE),
    code: typeof code === 'string' || typeof code === 'number' ? String(code).slice(0, MAX_NAME) : undefined,
    stack: typeof stack === 'string' ? stack.slice(0, MAX_STACK) : undefined,
    cause: error.cause instanceof Error && depth < MAX_CAUSES ? toFailureRecord(error.cause, depth + 1) : undefined,
  };
}

/** The original error's name, message, stack, code and causes. Its class is not brought back. */
export function fromFailureRecord(record: FailureRecord): Error {
  const error = new Error(record.message, record.cause === undefined ? undefined : { cause: fromFailureRecord(record.cause) });
  error.name = record.name;
  if (record.stack !== undefined) error.stack = record.stack;
  if (record.code !== undefined) Object.assign(error, { code: record.code });
  return error;
}
