import { createApp, type App, type Task } from '@oxbow/core';
import { z } from 'zod';
import { KEPT, QUEUE, type Side } from './sides.ts';

export function benchApp(url: string, name: string, finishedCounters = false): App {
  return createApp({ name, url, finishedCounters, logLevel: 'silent', retention: { succeeded: { count: KEPT } } });
}

export function noop(app: App, onJob: () => void): Task<{ n: number }, number> {
  return app.task('noop', {
    input: z.object({ n: z.number() }),
    run: (input) => {
      onJob();
      return input.n;
    },
  });
}

export function oxbowSide(app: App): Side {
  let count: () => void = () => undefined;
  const task = noop(app, () => count());
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
