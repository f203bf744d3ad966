import { OxbowError } from '../errors.ts';
import type { DeadLetterCursor } from '../store/dead-letters.ts';

/** As text that says nothing to whoever passes it on. */
export function toCursor({ at, id }: DeadLetterCursor): string {
  return Buffer.from(`${at}:${id}`).toString('base64url');
}

/** @throws OxbowError `invalid_options` */
export function fromCursor(text: string): DeadLetterCursor {
  const { at, id } = /^(?<at>\d{1,15}):(?<id>.+)$/su.exec(Buffer.from(text, 'base64url').toString())?.groups ?? {};
  if (at === undefined || id === undefined)
    throw new OxbowError('invalid_options', 'deadLetters.list(): before is not what a page gave as next.');
  return { at: Number(at), id };
}
