import { hash } from 'node:crypto';
import { OxbowError } from '../errors.ts';

const MAX_LENGTH = 1024;

/**
 * What a store knows a user's key by: any text, of any user, becomes 22 characters that hold nothing of it.
 *
 * @param scope - what keeps equal keys apart: the capability, and the task where keys are a task's own.
 * @throws OxbowError `invalid_key` when it is no text, empty, or longer than 1,024 characters
 */
export function storeKey(scope: string, key: unknown): string {
  if (typeof key !== 'string' || key === '' || key.length > MAX_LENGTH) {
    const what = typeof key === 'string' ? `a text of ${key.length} characters` : `of type ${key === null ? 'null' : typeof key}`;
    throw new OxbowError('invalid_key', `${scope}: a key is a text of 1 to ${MAX_LENGTH} characters; this one is ${what}.`);
  }
  return hash('sha256', `${scope}\0${key}`, 'base64url').slice(0, 22);
}
