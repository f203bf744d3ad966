/** The app, its five queues, its tasks, and the router that leads their jobs. Both the producer and the workers import it; it connects to nothing. */
import { setTimeout as wait } from 'node:timers/promises';
import { createApp } from '@oxbow/core';
import { byPriority, Router } from '@oxbow/routing';
import { z } from 'zod';

/** critical, high, default, low, bulk: as the preset has them, but fewer slots. */
export const preset = byPriority({
  critical: { slots: 8 },
  high: { slots: 4 },
  default: { slots: 4 },
  low: { slots: 2 },
  bulk: { slots: 2 },
});

export const router = new Router({
  queues: preset,
  rules: [
    { name: 'payments', task: 'payments.*', queue: 'critical' },
    { name: 'backfill', headers: { source: 'backfill' }, queue: 'bulk' },
    { name: 'premium first', input: { tier: 'premium' }, queue: 'high' },
    { name: 'exports at night', task: 'catalog.export', time: { from: '22:00', to: '06:00', zone: 'Europe/Berlin' }, queue: 'low' },
  ],
  default: 'default',
});

export const app = createApp({
  name: process.env['APP'] ?? 'workers-by-priority',
  finishedCounters: true,
  ...preset.app,
});
// `use` gives an app that knows the policy's options; a router has none.
app.use(router);

const order = z.object({ order: z.int(), tier: z.enum(['free', 'premium']) });
type Order = z.infer<typeof order>;

/** Stands for the work: what asks someone else takes a while, and ends when it is told to. */
const takes =
  (ms: number) =>
  async ({ order: number }: Order, { signal }: { readonly signal: AbortSignal }): Promise<number> => {
    await wait(ms, undefined, { signal });
    return number;
  };

export const tasks = {
  capture: app.task('payments.capture', { ...preset.task.critical, input: order, run: takes(20) }),
  confirm: app.task('orders.confirm', { ...preset.task.high, input: order, run: takes(20) }),
  // Says no queue, and has no limits of one.
  mail: app.task('mails.send', { input: order, run: takes(30) }),
  preview: app.task('previews.render', { ...preset.task.low, input: order, run: takes(40) }),
  export: app.task('catalog.export', { ...preset.task.bulk, input: order, run: takes(150) }),
} as const;
