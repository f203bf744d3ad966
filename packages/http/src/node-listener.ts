import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { keepConnection } from './connections.ts';
import type { HttpHandler } from './create-http.ts';
import { Problem } from './problem.ts';

/** For `createServer`, Express, and Fastify's raw request and reply. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void;

/** What Express adds to a request. */
interface Mounted extends IncomingMessage {
  originalUrl?: string;
  body?: unknown;
  rawBody?: Buffer;
}

/**
 * A listener for Node's HTTP servers. Below Express's `app.use('/api', listener)` the handler sees the whole path, so its `basePath`
 * is `/api`; a body that `express.json()` or `express.raw()` has read already is taken from there.
 */
export function toNodeListener(handler: HttpHandler): NodeListener {
  const listen = getRequestListener(
    async (request, { outgoing }) => {
      keepConnection(request, outgoing as ServerResponse);
      return handler(request);
    },
    { overrideGlobalObjects: false, errorHandler: () => new Problem('bad_request').response(undefined) },
  );
  return (request: Mounted, response) => {
    if (request.originalUrl !== undefined) request.url = request.originalUrl;
    if (request.readableDidRead && request.body !== undefined) request.rawBody ??= toBytes(request.body);
    void listen(request, response);
  };
}

/** What `express.raw()` has read, or what `express.json()` made of it. */
function toBytes(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}
