/** The app and its tasks, for the process that enqueues and the one that works. */
import { setTimeout as wait } from 'node:timers/promises';
import { createApp } from '@oxbow/core';
import { z } from 'zod';

export const app = createApp({ name: process.env['APP'] ?? 'prometheus-example', finishedCounters: true });

/** Every tenth mail is refused at first, every fiftieth for good. */
export const sendMail = app.task('mail.send', {
  input: z.object({ to: z.email(), number: z.int() }),
  queue: 'mail',
  retry: { attempts: 3, backoff: { delay: '200ms', max: '1s' } },
  idempotency: 'natural',
  run: async ({ number }, ctx) => {
    await wait(5 + (number % 20), undefined, { signal: ctx.signal });
    if (number % 50 === 0) throw new Error(`mailbox ${number} is full`);
    if (number % 10 === 5 && ctx.attempt === 1) throw new Error('greylisted, come back later');
    return number;
  },
});

/** One for each day, however often it is asked for. */
export const makeReport = app.task('report.make', {
  input: z.object({ day: z.string() }),
  queue: 'reports',
  unique: { key: ({ day }) => day },
  run: async ({ day }, ctx) => {
    await wait(200, undefined, { signal: ctx.signal });
    return `report of ${day}`;
  },
});
