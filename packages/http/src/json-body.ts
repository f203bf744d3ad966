import { Problem } from './problem.ts';

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;\s*charset="?utf-8"?\s*)?$/iu;

/**
 * The JSON of a request; undefined for an empty body. Never holds more than `maxBytes`, whatever the headers say.
 * @throws Problem `unsupported_content_type`, `unsupported_content_encoding`, `body_too_large`, `incomplete_body`, `invalid_json`
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  // Asked for also without a body: a form of another site can send one that is empty, but not this header.
  if (!JSON_TYPE.test(request.headers.get('content-type') ?? ''))
    throw new Problem('unsupported_content_type', {
      detail: 'Send Content-Type: application/json, in UTF-8.',
      headers: { 'accept-post': 'application/json' },
    });
  if ((request.headers.get('content-encoding') ?? 'identity') !== 'identity')
    throw new Problem('unsupported_content_encoding', { headers: { 'accept-encoding': 'identity' } });
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const bytes = await read(request, maxBytes);
  if (bytes.byteLength > 0) return parse(bytes);
  if (declared > 0) throw new Problem('incomplete_body', { detail: 'Nothing arrived of the body.' });
  return undefined;
}

async function read(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const chunk = await reader?.read().catch(() => {
      throw new Problem('incomplete_body');
    });
    if (chunk?.value === undefined) return Buffer.concat(chunks);
    chunks.push(chunk.value);
    size += chunk.value.byteLength;
    if (size <= maxBytes) continue;
    reader?.cancel().catch(() => undefined);
    throw tooLarge(maxBytes);
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Problem('invalid_json');
  }
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('body_too_large', { detail: `A body has at most ${maxBytes} bytes.` });
}
