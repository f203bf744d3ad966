import { createApp, type App, type Task } from '@oxbow/core';

export const QUEUE = 'load';
/** One job in so many fails finally. */
const FAILS = 50;
/** One in so many fails at its first attempt. */
const RETRIES = 20;

export interface LoadOrders {
  readonly url: string;
  readonly app: string;
}

export interface WorkerOrders extends LoadOrders {
  readonly slots: number;
  /** Where it is scraped. */
  readonly port: number;
}

/** The app of a load, and its one task, whose input says how its job ends. */
export function openLoad({ url, app: name }: LoadOrders): { readonly app: App; readonly task: Task<number, number> } {
  const app = createApp({ name, url, logLevel: 'silent', evictionPolicy: 'ignore', finishedCounters: true });
  const task = app.task('load.step', {
    queue: QUEUE,
    idempotency: 'natural',
    // Failed jobs are no subject here, only that they are counted.
    deadLetter: false,
    retry: { attempts: 2, backoff: () => 0 },
    run: (number: number, ctx): number => {
      if (isDoomed(number) || (number % RETRIES === 1 && ctx.attempt === 1)) throw new Error(`job ${number} fails`);
      return number;
    },
  });
  return { app, task };
}

/** Whether the job of this number fails finally. */
export function isDoomed(number: number): boolean {
  return number % FAILS === 0;
}
