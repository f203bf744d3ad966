import { z } from 'zod';

/** What a key of an input can be compared with. */
export type Scalar = string | number | boolean | null;

/** What an input has: for each key the value, one of several, or what the object under it has. */
export interface Content {
  readonly [key: string]: Scalar | readonly Scalar[] | Content;
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

export const content: z.ZodType<Content> = z
  .record(
    z.string(),
    z.lazy(() => z.union([scalar, z.array(scalar).min(1), content])),
  )
  .refine((value) => Object.keys(value).length > 0, 'names no key');

/** The path of the first key that the input does not have as wanted; undefined: it has all. */
export function missing(input: unknown, wanted: Content, path = ''): string | undefined {
  if (typeof input !== 'object' || input === null) return path === '' ? 'the input' : path;
  for (const [key, value] of Object.entries(wanted)) {
    const at = path === '' ? key : `${path}.${key}`;
    const found = Object.hasOwn(input, key) ? (input as Readonly<Record<string, unknown>>)[key] : undefined;
    const lacking = isContent(value) ? missing(found, value, at) : [value].flat().includes(found as Scalar) ? undefined : at;
    if (lacking !== undefined) return lacking;
  }
  return undefined;
}

function isContent(value: Content[string]): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
