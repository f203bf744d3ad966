import { distance } from 'fastest-levenshtein';
import { en } from 'zod/locales';
import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';

/** Given to each call: zod's own settings belong to the user's schemas. */
const inEnglish = { error: en().localeError };

/**
 * Options as the schema reads them.
 * @throws OxbowError `invalid_options` naming `what` and the option; an unknown one comes with a suggestion.
 */
export function parseOptions<T>(schema: z.ZodMiniType<T>, options: unknown, what: string): T {
  const result = z.safeParse(schema, options, inEnglish);
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
    nearest !== undefined && nearest.edits <= Math.max(2, Math.ceil(key.length / 3))
      ? ` Did you mean "${nearest.candidate}"?`
      : ` Known: ${candidates.join(', ')}.`;
  return new OxbowError('invalid_options', `${what}: unknown option "${name}".${hint}`);
}

/** What this file reads of zod's schemas. */
interface Node {
  readonly def: {
    /** Of one that is optional. */
    readonly innerType?: Node;
    readonly shape?: Readonly<Record<string, Node>>;
    /** Of a union. */
    readonly options?: readonly Node[];
    /** Of a record. */
    readonly valueType?: Node;
  };
}

/** Keys of the object schema at `path`. */
function known(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  let at = unwrap(schema as Node);
  for (const segment of path) at = unwrap(at?.def.valueType ?? at?.def.shape?.[segment as string]);
  return Object.keys(at?.def.shape ?? {});
}

/** Without `optional`; of a union the one that is an object. */
function unwrap(schema: Node | undefined): Node | undefined {
  let at = schema;
  while (at?.def.innerType !== undefined) at = at.def.innerType;
  return at?.def.options?.map(unwrap).find((option) => option?.def.shape !== undefined) ?? at;
}
