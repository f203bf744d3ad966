import { setTimeout as wait } from 'node:timers/promises';
import { createApp, type App, type Task } from '@oxbow/core';
import type { Ledger } from '@oxbow/faults';

export const QUEUE = 'rolling';

export interface RollingOrders {
  readonly url: string;
  readonly app: string;
  readonly ledger: string;
  /** Slots of a worker. */
  readonly slots: number;
}

/** How long a job takes, by its number: 50 to 500 ms. */
export function takesMs(number: number): number {
  return 50 + ((number * 7919) % 451);
}

/** The app of a rolling restart, and its one task, which could try again, and notes that it begins and ends. */
export function openRolling({ url, app: name }: Pick<RollingOrders, 'url' | 'app'>, ledger?: Ledger): RollingApp {
  const app = createApp({
    name,
    url,
    logLevel: 'error',
    evictionPolicy: 'ignore',
    // Each job is looked at in the end.
    retention: { succeeded: { count: 1_000_000 }, failed: { age: '1d' } },
  });
  const task = app.task('rolling.step', {
    queue: QUEUE,
    idempotency: 'natural',
    retry: { attempts: 3, backoff: () => 0 },
    run: async (number: number, ctx): Promise<number> => {
      ledger?.write('start', ctx.id);
      await wait(takesMs(number), undefined, { signal: ctx.signal });
      ledger?.write('end', ctx.id);
      return ctx.attempt;
    },
  });
  return { app, task };
}

export interface RollingApp {
  readonly app: App;
  /** Gives the number of the attempt that ended it. */
  readonly task: Task<number, number>;
}
