import { once } from 'node:events';
import { chmod, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { OxbowError } from '@oxbow/core';
import type { Answer, Asked } from './routes.ts';

/** For `createServer`, Express, and Fastify's raw request and reply. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void;

export interface ListenOptions {
  /** 0: a free one. @defaultValue 9465 */
  readonly port?: number;
  /** Kubernetes' `httpGet` comes from outside of the pod: `0.0.0.0`. @defaultValue 127.0.0.1 */
  readonly host?: string;
  /** A unix socket instead, for `oxbow-health`: only this user can connect, and gets verbose answers. */
  readonly path?: string;
}

export interface Listening {
  /** `http://127.0.0.1:9465`, or `unix:/tmp/health.sock`. */
  readonly url: string;
  close(): Promise<void>;
}

type Answers = (asked: Asked) => Promise<Answer>;

/** What Express adds to a request. */
interface Mounted extends IncomingMessage {
  readonly originalUrl?: string;
}

/** @param trusted - whether everybody who can ask may see everything. */
export function toNodeListener(answer: Answers, trusted: boolean): NodeListener {
  return (request: Mounted, response) => {
    const url = request.originalUrl ?? request.url ?? '/';
    const method = request.method ?? 'GET';
    const toRequest = (): Request => new Request(new URL(url, 'http://localhost'), { method, headers: headersOf(request) });
    void answer({ method, url, toRequest, trusted }).then(({ status, headers, body }) => {
      response.writeHead(status, headers).end(body);
    });
  };
}

/** @throws OxbowError `invalid_options` */
export function resolveListenOptions(options: ListenOptions): ListenOptions {
  const unknown = Object.keys(options).find((name) => !['port', 'host', 'path'].includes(name));
  if (unknown !== undefined) throw invalid(`unknown option "${unknown}". Known: port, host, path`);
  const { port, host, path } = options;
  if (path !== undefined && (port !== undefined || host !== undefined)) throw invalid('give path, or port and host, but not both');
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw invalid('port must be a number from 0 to 65535');
  if (path === '' || host === '') throw invalid('path and host must not be empty');
  return options;
}

function invalid(what: string): OxbowError {
  return new OxbowError('invalid_options', `health.listen: ${what}.`);
}

/** Does not keep the process alive. @throws what Node's listen does */
export async function listen(answer: Answers, { port = 9465, host = '127.0.0.1', path }: ListenOptions): Promise<Listening> {
  const listener = toNodeListener(answer, path !== undefined);
  const server = createServer((request, response) => {
    response.shouldKeepAlive = false;
    listener(request, response);
  }).unref();
  // A probe that hangs, as that of a stopped kubelet, keeps nothing alive either.
  server.on('connection', (socket) => socket.unref());
  if (path === undefined) await opened(server.listen(port, host));
  else await openedAt(server, path);
  const url = path === undefined ? urlOf(server.address() as AddressInfo) : `unix:${path}`;
  return { url, close: async () => close(server) };
}

/** A file that a process left which was killed is taken over; one at which somebody listens is not. */
async function openedAt(server: Server, path: string): Promise<void> {
  try {
    await opened(server.listen(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await isListening(path))) throw error;
    await unlink(path);
    await opened(server.listen(path));
  }
  await chmod(path, 0o600);
}

async function opened(server: Server): Promise<void> {
  await once(server, 'listening');
}

async function isListening(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function headersOf({ headers }: IncomingMessage): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value ?? '']) all.append(name, one);
  }
  return all;
}
