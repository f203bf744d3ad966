/** A shop's app: payments that fail while their provider is down, mails for later, a report that is a canvas, a progress bar. */
import { createApp, chain, group, type RunHandle } from '@oxbow/core';

/** A stand-in for what the handlers need of the world. */
export const world = {
  providerIsDown: true,
  /** What a running stocktaking waits for. */
  counted: Promise.resolve(),
  ticks: 0,
};

export const app = createApp({ name: 'bull-board', logLevel: 'warn' });

export const charge = app.task('orders.charge', {
  queue: 'orders',
  idempotency: { key: ({ order }) => order },
  run: ({ order, amount }: { readonly order: string; readonly amount: number }) => {
    if (world.providerIsDown) throw new Error('the payment provider is down');
    return { receipt: `r-${order}`, amount };
  },
});

export const remind = app.task('mails.remind', {
  queue: 'mails',
  run: ({ to }: { readonly to: string }) => ({ sent: to }),
});

export const count = app.task('stock.count', {
  queue: 'reports',
  states: ['COUNTING'],
  run: async ({ shelves }: { readonly shelves: number }, ctx) => {
    await ctx.setState('COUNTING');
    await ctx.progress(shelves / 2, shelves);
    await world.counted;
    await ctx.progress(shelves, shelves);
    return { shelves };
  },
});

const fetchSales = app.task('sales.fetch', { queue: 'reports', run: ({ day }: { readonly day: string }) => [day.length, 20, 12] });
const sum = app.task('sales.sum', { queue: 'reports', run: (sales: readonly number[]) => sales.reduce((all, one) => all + one, 0) });
const number = app.task('sales.number', { queue: 'reports', run: (sales: readonly number[]) => sales.length });
const render = app.task('sales.render', {
  queue: 'reports',
  run: ([total, orders]: readonly number[]) => `${orders} orders, ${total} euros`,
});

/** A chain whose second step is a group, so that `render` joins it. */
export async function startReport(): Promise<RunHandle> {
  return chain(fetchSales.s(), group(sum.s(), number.s()), render.s()).enqueue({ day: '2026-11-28' });
}

/** Nobody enqueues it with Oxbow: a scheduler of BullMQ's does. */
app.task('shop.tick', { queue: 'mails', run: ({ every }: { readonly every: string }) => `${every}: ${++world.ticks}` });
