import { OxbowError } from '@oxbow/core';
import type { z } from 'zod';

/** @throws OxbowError `invalid_options` naming `what` and the option */
export function parseOptions<T>(schema: z.ZodType<T>, options: unknown, what: string): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  throw new OxbowError('invalid_options', `${what}: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'invalid options'}`);
}
