import { createHash } from 'node:crypto';

/**
 * 22 characters that are equal for equal inputs of a task: the order of keys does not count, and a property that is undefined is as
 * one that is missing.
 */
export function fingerprintOf(task: string, input: unknown): string {
  return createHash('sha256')
    .update(`${task}\0${stable(input) ?? ''}`)
    .digest('base64url')
    .slice(0, 22);
}

/** JSON text with sorted keys; undefined for undefined. */
function stable(value: unknown): string | undefined {
  if (Array.isArray(value)) return `[${value.map((item) => stable(item) ?? 'null').join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const properties = Object.keys(value)
    .toSorted()
    .flatMap((key) => {
      const text = stable((value as Readonly<Record<string, unknown>>)[key]);
      return text === undefined ? [] : [`${JSON.stringify(key)}:${text}`];
    });
  return `{${properties.join(',')}}`;
}
