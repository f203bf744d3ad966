import { createApp, type App, type AppOptions } from '@oxbow/core';
import { deleteApp, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { createMetrics, type Metrics } from '../create-metrics.ts';
import type { MetricsOptions } from '../options.ts';

/** One app for the tests of a suite, which tell their jobs apart by queues and task names of their own. */
export interface Stage {
  readonly app: App;
  /** What the app has logged, one line each. */
  readonly log: readonly string[];
}

export function openStage(engine: TestEngine, options: Partial<AppOptions> = {}): Stage {
  const log: string[] = [];
  const name = uniqueName();
  let app: App | undefined;
  beforeAll(() => {
    const logger = pino({ level: 'debug' }, { write: (line) => void log.push(line) });
    app = createApp({ name, url: engine.url, logger, finishedCounters: true, ...options });
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

/** Closed when the test ends. Reads the engine at each scrape, unless told otherwise. */
export function measure(app: App, options: MetricsOptions = {}): Metrics {
  const metrics = createMetrics(app, { defaultMetrics: false, cacheMs: 0, ...options });
  onTestFinished(() => metrics.close());
  return metrics;
}

/** A worker of one queue, running; drained when the test ends. */
export async function work(app: App, queue: string, slots = 5): Promise<{ drain(): Promise<unknown> }> {
  const worker = app.worker({ queues: { [queue]: slots } });
  onTestFinished(async () => {
    await worker.drain();
  });
  await worker.start();
  return worker;
}

export async function scrape({ handler }: Pick<Metrics, 'handler'>, accept?: string): Promise<string> {
  const headers = accept === undefined ? {} : { accept };
  return (await handler(new Request('http://localhost/metrics', { headers }))).text();
}

/** The samples of a family without its namespace, `{labels} value` each, that hold all of `some`. */
export function samples(text: string, family: string, ...some: readonly string[]): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`oxbow_${family}{`) || line.startsWith(`oxbow_${family} `))
    .map((line) => line.slice(`oxbow_${family}`.length).trim())
    .filter((line) => some.every((part) => line.includes(part)));
}
