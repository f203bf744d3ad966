import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createApp, type App, type TaskContext } from '@oxbow/core';
import type { Ledger } from '@oxbow/faults';
import type { Orders } from './orders.ts';
import { growth, type StepInput } from './trees.ts';

/** The app of a soak; every limit that would end a job by itself is out of the way of the kills. */
export function openApp(orders: Pick<Orders, 'app' | 'url' | 'handlerMs' | 'notes'>, ledger?: Ledger): App {
  const app = createApp({
    name: orders.app,
    url: orders.url,
    logLevel: 'error',
    maxCrashes: 1000,
    maxResultBytes: 16 * 1024 * 1024,
    evictionPolicy: 'ignore',
    retention: { succeeded: { count: 1_000_000 }, failed: { age: '1d' } },
  });
  const note = orders.notes ? ledger : undefined;
  const work = async (input: StepInput, ctx: TaskContext): Promise<unknown> => {
    note?.write('start', ctx.id, JSON.stringify(input));
    if (orders.handlerMs > 0) await wait(Math.random() * orders.handlerMs);
    if (input.fail === 'always' || (input.fail === 'once' && ctx.attempt === 1)) throw new Error(`failed ${input.label}`);
    const output = { label: input.label, nonce: randomUUID(), pad: 'x'.repeat(input.size ?? 0) };
    note?.write('end', ctx.id, JSON.stringify(output));
    return output;
  };
  app.task('step', { queue: 'fast', retry: { attempts: 1, backoff: () => 0 }, run: work });
  app.task('alarm', { queue: 'other', run: work });
  app.task('grow', {
    queue: 'slow',
    run: (input: StepInput, ctx) => {
      note?.write('start', ctx.id, JSON.stringify(input));
      return ctx.replace(app.signature(growth(input.label, input.from)) as never);
    },
  });
  app.task('count', { queue: 'fast', run: () => 1 });
  app.task('total', { queue: 'fast', run: (input: { readonly from: readonly number[] }) => input.from.length });
  return app;
}
