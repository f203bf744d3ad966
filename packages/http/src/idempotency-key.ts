import { createHash } from 'node:crypto';
import { Problem } from './problem.ts';

const MAX_LENGTH = 255;

/** A String of RFC 8941, section 3.3.3, which draft-ietf-httpapi-idempotency-key-header asks for; without parameters. Two headers come as one with a comma. */
const SF_STRING = /^"(?<text>(?:[\u{20}\u{21}\u{23}-\u{5B}\u{5D}-\u{7E}]|\\["\\])*)"$/u;

/** @throws Problem `idempotency_key_missing`, `idempotency_key_malformed` */
export function idempotencyKeyOf(headers: Headers, required: boolean): string | undefined {
  const header = headers.get('idempotency-key');
  if (header === null) {
    if (required)
      throw new Problem('idempotency_key_missing', {
        detail: 'A POST needs the header Idempotency-Key: "<a text of its own, such as a UUID>".',
      });
    return undefined;
  }
  const text = SF_STRING.exec(header.trim())?.groups?.['text']?.replaceAll(/\\(?<escaped>.)/gu, '$<escaped>');
  if (text === undefined || text === '' || text.length > MAX_LENGTH)
    throw new Problem('idempotency_key_malformed', {
      detail: `The header is one text of 1 to ${MAX_LENGTH} characters in double quotes: Idempotency-Key: "8e03978e-40d5".`,
    });
  return text;
}

/** The key as the store gets it: nobody can write a client and a key that look like those of another client. */
export function keyOfClient(client: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([client, key]))
    .digest('base64url');
}
