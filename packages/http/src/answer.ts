/** On every answer: it is of one moment and of one client. */
const BASE = { 'cache-control': 'no-store, no-transform', 'x-content-type-options': 'nosniff' };

export function toJson(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', ...BASE, ...headers } });
}

/** @param body - null: no content. */
export function toAnswer(
  status: number,
  body: ReadableStream<Uint8Array> | null,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...BASE, ...headers } });
}
