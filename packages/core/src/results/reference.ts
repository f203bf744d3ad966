import { OxbowError } from '../errors.ts';

/** What a job's return value has in the place of a result that lies in the result store: `{ "$oxr": 1, … }`. */
export const REFERENCE = '$oxr';

const VERSION = 1;

/** json: a value, as its JSON text. bytes: what a task returned as bytes. */
export type ResultKind = 'json' | 'bytes';

export interface Reference {
  readonly [REFERENCE]: typeof VERSION;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly kind: ResultKind;
}

export function toReference(
  key: string,
  kind: ResultKind,
  { size, checksum }: { readonly size: number; readonly checksum: string },
): Reference {
  return { [REFERENCE]: VERSION, key, size, sha256: checksum, kind };
}

/** True for what carries our marker, readable or not. */
export function isReference(value: unknown): boolean {
  return typeof value === 'object' && value !== null && REFERENCE in value;
}

/** Undefined for a value that stands for itself. @throws OxbowError `malformed`, `newer_envelope` */
export function readReference(value: unknown): Reference | undefined {
  if (!isReference(value)) return undefined;
  const { [REFERENCE]: version, key, size, sha256, kind } = value as Readonly<Record<string, unknown>>;
  if (typeof version === 'number' && Number.isInteger(version) && version > VERSION)
    throw new OxbowError('newer_envelope', `The reference to a stored result is of version ${version}, newer than this Oxbow reads.`);
  const isReadable =
    version === VERSION &&
    typeof key === 'string' &&
    Number.isInteger(size) &&
    typeof sha256 === 'string' &&
    (kind === 'json' || kind === 'bytes');
  if (!isReadable) throw new OxbowError('malformed', 'A result carries the marker of a stored one but cannot be read.');
  return value as Reference;
}
