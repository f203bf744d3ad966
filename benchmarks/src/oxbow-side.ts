import { createApp, type App, type Task } from '@oxbow/core';
import type { numbered } from './numbered.ts';
import { KEPT, QUEUE, type Side } from './sides.ts';

export function benchApp(url: string, name: string, finishedCounters = false): App {
  return createApp({ name, url, finishedCounters, logLevel: 'silent', retention: { succeeded: { count: KEPT } } });
}

export function noop(app: App, onJob: () => void, input?: typeof numbered): Task<{ n: number }, number> {
  const run = (given: { readonly n: number }): number => {
    onJob();
    return given.n;
  };
  return input === undefined ? app.task('noop', { run }) : app.task('noop', { input, run });
}

export function oxbowSide(app: App, input?: typeof numbered): Side {
  let count: () => void = () => undefined;
  const task = noop(app, () => count(), input);
  return {
    keyPattern: `{oxbow:${app.name}}:q:${QUEUE}:*`,
    add: (n) => task.enqueue({ n }),
    addMany: (many) => task.enqueueMany(Array.from({ length: many }, (_, n) => ({ n }))),
    work: async (concurrency, onJob) => {
      count = onJob;
      await app.worker({ queues: { [QUEUE]: concurrency } }).start();
    },
    close: () => app.close(),
  };
}
