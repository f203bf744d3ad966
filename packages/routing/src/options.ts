import { OxbowError } from '@oxbow/core';
import type { z } from 'zod';
import { nearest } from './nearest.ts';

/** @param known - options by name, for a suggestion. @throws OxbowError `invalid_options` naming `what` and the option */
export function parseOptions<T>(schema: z.ZodType<T>, options: unknown, what: string, known: readonly string[]): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  if (issue?.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    throw new OxbowError('invalid_options', `${what}: unknown option "${path === '' ? key : `${path}.${key}`}".${nearest(key, known)}`);
  }
  throw new OxbowError('invalid_options', `${what}: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'invalid options'}`);
}
