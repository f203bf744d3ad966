/** The app and its report, for the processes that serve and those that work. Importing it connects to nothing. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createApp } from '@oxbow/core';
import { z } from 'zod';
import { Delay, readDelays, resampledMean, sides, toDelay } from './delays.ts';

const ROUNDS = 3000;

export const app = createApp({ name: 'fastify-reports' });

export const report = app.task('reports.delays', {
  input: z.strictObject({ by: z.enum(sides) }),
  output: z.array(Delay),
  queue: 'reports',
  retry: { attempts: 3, backoff: { delay: '1s' } },
  idempotency: 'natural',
  states: ['READING', 'RESAMPLING'],
  run: async ({ by }, ctx) => {
    await ctx.setState('READING');
    const airports = [...(await readDelays(by))].map(([airport, delays]) => ({ airport, delays, means: [] as number[] }));
    await ctx.setState('RESAMPLING');
    for (let done = 1; done <= ROUNDS; done += 1) {
      ctx.signal.throwIfAborted();
      for (const { delays, means } of airports) means.push(resampledMean(delays));
      await ctx.progress(done, ROUNDS);
      // The process may be the one that serves: it has its turn now.
      await nextTurn();
    }
    const lines = airports.map(({ airport, delays, means }) => toDelay(airport, delays, means));
    return lines.sort((a, b) => b.mean - a.mean);
  },
});
