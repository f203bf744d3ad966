import { OxbowError } from '@oxbow/core';

const PART = /^(?!\.)[A-Za-z0-9._!-]{1,200}$/u;

/** The parts of a key, none of which is more than a name to a file system. @throws OxbowError `invalid_key` */
export function partsOfKey(key: string): readonly string[] {
  const parts = key.split('/');
  if (parts.every((part) => PART.test(part))) return parts;
  throw new OxbowError(
    'invalid_key',
    `A result store has no key ${JSON.stringify(key)}: its parts are 1–200 characters of A–Z a–z 0–9 . _ - !`,
  );
}
