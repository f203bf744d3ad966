/** The app and its tasks, for the processes that enqueue and those that work. Importing it connects to nothing. */
import { setTimeout as wait } from 'node:timers/promises';
import { createApp } from '@oxbow/core';
import { z } from 'zod';

/** What handlers get as `ctx.deps`: pools, clients, whatever is opened once in a process. */
export interface Deps {
  readonly mailer: { send(to: string, text: string, signal: AbortSignal): Promise<string>; close(): Promise<void> };
}

export const app = createApp<Deps>({ name: 'worker-service' });

export const sendMail = app.task('mail.send', {
  input: z.object({ to: z.email(), text: z.string() }),
  queue: 'mail',
  retry: { attempts: 5, backoff: { delay: '1s', max: '1m' } },
  // A mail that is sent twice is better than none.
  idempotency: 'natural',
  states: ['SENDING'],
  run: async ({ to, text }, ctx) => {
    await ctx.setState('SENDING');
    ctx.log.info('sending');
    // The signal tells the mailer to stop when the worker is asked to end and this takes too long.
    return ctx.deps.mailer.send(to, text, ctx.signal);
  },
});

/** A stand-in: it takes a second, and can be told to stop. */
export async function openMailer(): Promise<Deps['mailer']> {
  await Promise.resolve();
  return {
    send: async (to, text, signal) => {
      await wait(1000, undefined, { signal });
      return `${text.length} characters to ${to}`;
    },
    close: async () => {
      await Promise.resolve();
    },
  };
}
