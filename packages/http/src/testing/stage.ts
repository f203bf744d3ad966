import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp, type App } from '@oxbow/core';
import { deleteApp, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { createHttp, type Http } from '../create-http.ts';
import { toNodeListener } from '../node-listener.ts';
import type { HttpOptions } from '../options.ts';

/** One app for the tests of a suite, which tell their jobs apart by queues and task names of their own. */
export interface Stage {
  readonly app: App;
  /** What the app has logged, one line each. */
  readonly log: readonly string[];
}

export function openStage(engine: TestEngine): Stage {
  const log: string[] = [];
  const name = uniqueName();
  let app: App | undefined;
  beforeAll(() => {
    app = createApp({ name, url: engine.url, logger: pino({ level: 'debug' }, { write: (line) => void log.push(line) }) });
  });
  afterAll(async () => {
    await app?.close();
    await deleteApp(engine, name);
  });
  return {
    log,
    get app() {
      return app as App;
    },
  };
}

/** A worker of one queue, running; drained when the test ends. */
export async function work(app: App, queue: string): Promise<void> {
  const worker = app.worker({ queues: { [queue]: 5 } });
  onTestFinished(async () => {
    await worker.drain();
  });
  await worker.start();
}

/** Without `authorize` anybody may do everything. */
export type OpenOptions = Omit<HttpOptions, 'authorize' | 'allowAnonymous'> & { readonly authorize?: HttpOptions['authorize'] };

/** An `Http`, closed when the test ends. */
export function open(app: App, options: OpenOptions): Http {
  const http = createHttp(app, (options.authorize === undefined ? { ...options, allowAnonymous: true } : options) as HttpOptions);
  onTestFinished(() => http.close());
  return http;
}

/** The address of a plain Node server that has the listener; gone when the test ends. */
export async function listen(listener: RequestListener): Promise<string> {
  return addressOf(createServer(listener).listen(0, '127.0.0.1'));
}

export async function addressOf(server: Server): Promise<string> {
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** `open` behind a plain Node server. */
export async function serve(app: App, options: OpenOptions): Promise<string> {
  return listen(toNodeListener(open(app, options).handler));
}

/** A POST of JSON. */
export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
}

/** Status and code of a problem, and what else it says. */
export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const document = (await response.json()) as Record<string, unknown>;
  return { ...document, status: response.status, contentType: response.headers.get('content-type') };
}
