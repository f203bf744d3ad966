import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterAll, onTestFinished } from 'vitest';
import { createApp, type App } from '../app.ts';
import type { AppOptions } from '../app-options.ts';
import { isConnectionFailure } from '../engine/postgres-errors.ts';
import { schemaOf } from '../engine/postgres-target.ts';
import type { SignalName, Signals } from '../signals.ts';
import type { WorkerArguments, WorkerOptions } from '../worker/settings.ts';
import type { Worker } from '../worker/worker.ts';
import type { TestEngine } from './engines.ts';

export const silent: pino.Logger = pino({ level: 'silent' });

/** Nobody else has it: what a test makes under it is its own. */
export function uniqueName(prefix = 'test'): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** An app of this test's own; closed, and its keys deleted, when the test ends. */
export function withApp<Deps = unknown>(engine: TestEngine, options: Partial<AppOptions> = {}): App<Deps> {
  const app = openApp<Deps>(engine, options);
  onTestFinished(() => discard(engine, app));
  return app;
}

/** What one test needs: an app, a queue and names that no other test uses. */
export interface Stage {
  readonly app: App;
  readonly queue: string;
  /** A task name of this test's own. */
  name(base: string): string;
  /** A worker of the stage's queue (5 at a time), running; drained when the test ends. */
  work(options?: WorkerOptions<unknown>): Promise<Worker>;
}

/**
 * Stages for the tests of one suite. On Redis every test has an app of its own. An embedded engine takes seconds to
 * open, and a schema on Postgres a fifth of one, so there the suite's tests share one, each with its own queue and names.
 */
export function stages(engine: TestEngine, options: Partial<AppOptions> = {}): () => Stage {
  let shared: App | undefined;
  afterAll(async () => {
    if (shared !== undefined) await discard(engine, shared);
  });
  return () => {
    if (engine.kind === 'redis') return stage(withApp(engine, options));
    shared ??= openApp(engine, options);
    return stage(shared);
  };
}

function stage(app: App): Stage {
  const own = uniqueName();
  return {
    app,
    queue: own,
    name: (base) => `${base}-${own}`,
    work: (options) => startWorker(app, { queues: { [own]: 5 }, ...options }),
  };
}

/** Started; drained when the test ends. */
export async function startWorker<Deps>(app: App<Deps>, options: WorkerOptions<Deps>): Promise<Worker<Deps>> {
  const worker = app.worker(...([options] as WorkerArguments<Deps>));
  onTestFinished(async () => {
    await worker.drain();
  });
  await worker.start();
  return worker;
}

/** The same jobs as another process would see them; an embedded engine has one process, so there it is the same app. */
export function elsewhere(engine: TestEngine, app: App, options: Partial<AppOptions> = {}): App {
  if (engine.kind === 'embedded') return app;
  const far = openApp(engine, { ...options, name: app.name });
  onTestFinished(() => far.close());
  return far;
}

/** Everything that `name` announces from now on. */
export function recordSignals<Name extends SignalName>(app: Pick<App, 'on'>, name: Name): Signals[Name][] {
  const seen: Signals[Name][] = [];
  onTestFinished(app.on(name, (event) => void seen.push(event)));
  return seen;
}

function openApp<Deps>(engine: TestEngine, options: Partial<AppOptions>): App<Deps> {
  return createApp<Deps>({ name: uniqueName(), url: engine.url, logger: silent, ...options });
}

async function discard(engine: TestEngine, app: Pick<App, 'name' | 'close'>): Promise<void> {
  await app.close();
  if (engine.kind !== 'embedded') await deleteKeys(engine.url, app.name);
}

/** Everything that an app has on a server. A server that is gone took it along. */
export async function deleteKeys(url: string, app: string): Promise<void> {
  await (url.startsWith('postgres') ? dropSchema(url, app) : deleteRedisKeys(url, app));
}

/** Servers behind Sentinels and those of a cluster are a test's own, and go with it. */
async function deleteRedisKeys(url: string, app: string): Promise<void> {
  if (!/^rediss?:/u.test(url)) return;
  const client = new Redis(url, { maxRetriesPerRequest: 1 });
  client.on('error', () => undefined);
  try {
    for await (const keys of client.scanStream({ match: `{oxbow:${app}}:*`, count: 1000 })) {
      if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]));
    }
  } catch (error) {
    if ((error as Error).name !== 'MaxRetriesPerRequestError') throw error;
  } finally {
    client.disconnect();
  }
}

async function dropSchema(url: string, app: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS "${schemaOf(app)}" CASCADE`);
  } catch (error) {
    if (!isConnectionFailure(error)) throw error;
  } finally {
    await client.end();
  }
}
