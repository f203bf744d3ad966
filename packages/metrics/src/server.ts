import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Never rejects: what goes wrong is an answer. */
export type MetricsHandler = (request: Request) => Promise<Response>;

/** For `createServer`, Express, and Fastify's raw request and reply. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void;

export interface ListenOptions {
  /** 0: a free one. @defaultValue 9464 */
  readonly port?: number;
  /** A Prometheus on another machine, or outside of the pod, needs `0.0.0.0`. @defaultValue 127.0.0.1 */
  readonly host?: string;
}

export interface Listening {
  /** `http://127.0.0.1:9464` */
  readonly url: string;
  close(): Promise<void>;
}

/** What Express adds to a request. */
interface Mounted extends IncomingMessage {
  readonly originalUrl?: string;
}

export function toNodeListener(handler: MetricsHandler): NodeListener {
  return (request: Mounted, response) => {
    const url = new URL(request.originalUrl ?? request.url ?? '/', 'http://localhost');
    const accept = request.headers.accept;
    const headers = accept === undefined ? {} : { accept };
    const answer = async (): Promise<void> => {
      const answered = await handler(new Request(url, { method: request.method ?? 'GET', headers }));
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text());
    };
    answer().catch(() => response.writeHead(400).end());
  };
}

/** Does not keep the process alive. @throws what Node's listen does */
export async function listen(handler: MetricsHandler, { port = 9464, host = '127.0.0.1' }: ListenOptions): Promise<Listening> {
  const server = createServer(toNodeListener(handler)).unref();
  server.on('connection', (socket) => socket.unref());
  server.listen(port, host);
  await once(server, 'listening');
  const { address, port: bound, family } = server.address() as AddressInfo;
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`, close: async () => close(server) };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
