import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { OxbowError } from '../errors.ts';

/**
 * Options as the schema reads them.
 * @throws OxbowError `invalid_options` naming `what` and the option; an unknown one comes with a suggestion.
 */
export function parseOptions<T>(schema: z.ZodType<T>, options: unknown, what: string): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue?.code === 'unrecognized_keys') throw unknownOption(issue.keys[0] ?? '', what, issue.path, known(schema, issue.path));
  const path = issue?.path.join('.') ?? '';
  throw new OxbowError('invalid_options', `${what}: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'invalid options'}`);
}

/** "Unknown option … did you mean …?" */
export function unknownOption(key: string, what: string, path: readonly PropertyKey[], candidates: readonly string[]): OxbowError {
  const name = [...path, key].join('.');
  const nearest = candidates
    .map((candidate) => ({ candidate, edits: distance(key.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.edits - b.edits)[0];
  const hint =
    nearest !== undefined && nearest.edits <= Math.max(2, key.length / 3)
      ? ` Did you mean "${nearest.candidate}"?`
      : ` Known: ${candidates.join(', ')}.`;
  return new OxbowError('invalid_options', `${what}: unknown option "${name}".${hint}`);
}

/** Keys of the object schema at `path`. */
function known(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  let at = unwrap(schema);
  for (const segment of path) at = unwrap(shapeOf(at)[segment as string]);
  return Object.keys(shapeOf(at));
}

function shapeOf(schema: unknown): Record<string, unknown> {
  return (schema as { readonly shape?: Record<string, unknown> } | undefined)?.shape ?? {};
}

function unwrap(schema: unknown): unknown {
  let at = schema as { readonly unwrap?: () => unknown } | undefined;
  while (typeof at?.unwrap === 'function') at = at.unwrap() as typeof at;
  return at;
}
