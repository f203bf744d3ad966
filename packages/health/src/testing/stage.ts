import { createApp, type App, type Task, type Worker } from '@oxbow/core';
import { deleteApp, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { createHealth, type Health } from '../create-health.ts';
import type { HealthOptions } from '../options.ts';
import { QUICK_LIMITS } from './quick-limits.ts';

export const PROBES = ['startupz', 'livez', 'readyz', 'healthz'] as const;

export interface Scene {
  readonly app: App;
  readonly health: Health;
  /** On the queue of its name. */
  readonly mail: Task<unknown, unknown>;
  /** Of that queue, started. */
  readonly worker: Worker;
}

/** An app of this test's own; closed, and its data deleted, when the test ends. @param gone - its server goes with the test. */
export function openApp(engine: TestEngine, gone = false): App {
  const app = createApp({ name: uniqueName(), url: engine.url, logger: pino({ level: 'silent' }), connectTimeout: 300 });
  onTestFinished(async () => {
    await app.close();
    if (!gone) await deleteApp(engine, app.name);
  });
  return app;
}

/** With a task `mail`, on the queue `mail`, which does `run`. */
export async function scene(app: App, options: HealthOptions = {}, run: () => unknown = () => null): Promise<Scene> {
  const mail = app.task('mail', { queue: 'mail', run });
  const worker = app.worker({ queues: { mail: 2 }, drain: { soft: 400, hard: 100 } });
  const health = createHealth(app, { ...QUICK_LIMITS, ...options });
  await worker.start();
  return { app, health, mail: mail as Task<unknown, unknown>, worker };
}

/** What a probe gets, without a server in between. */
export async function get(health: Health, path: string): Promise<{ readonly code: number; readonly body: Record<string, unknown> }> {
  const answer = await health.handler(new Request(`http://localhost${path}`));
  return { code: answer.status, body: (await answer.json()) as Record<string, unknown> };
}
