/** A shop's app: payments that fail while their provider is down, mails for later, a report that is a canvas, a progress bar. */
import { chain, createApp, group, type App, type RunHandle, type Task } from '@oxbow/core';

/** A stand-in for what the handlers need of the world. */
export interface World {
  providerIsDown: boolean;
  /** What a stocktaking that runs waits for. */
  counted: Promise<void>;
  ticks: number;
}

export interface Shop {
  readonly app: App;
  readonly world: World;
  readonly charge: Task<{ readonly order: string; readonly amount: number }, unknown>;
  readonly remind: Task<{ readonly to: string }, unknown>;
  readonly count: Task<{ readonly shelves: number }, unknown>;
  /** A chain whose second step is a group, so that `sales.render` joins it. */
  readonly report: () => Promise<RunHandle>;
}

export const QUEUES: readonly string[] = ['orders', 'mails', 'reports'];

export function openShop({ name = 'bull-board', url }: { readonly name?: string; readonly url?: string } = {}): Shop {
  const app = createApp({ name, logLevel: 'warn', ...(url === undefined ? {} : { url }) });
  const world: World = { providerIsDown: true, counted: Promise.resolve(), ticks: 0 };
  // Nobody enqueues it with Oxbow: a scheduler of BullMQ's does.
  app.task('shop.tick', { queue: 'mails', run: ({ every }: { readonly every: string }) => `${every}: ${++world.ticks}` });
  return { app, world, ...declareWork(app, world), report: declareReport(app) };
}

function declareWork(app: App, world: World): Pick<Shop, 'charge' | 'remind' | 'count'> {
  const charge = app.task('orders.charge', {
    queue: 'orders',
    idempotency: { key: ({ order }) => order },
    run: ({ order, amount }: { readonly order: string; readonly amount: number }) => {
      if (world.providerIsDown) throw new Error('the payment provider is down');
      return { receipt: `r-${order}`, amount };
    },
  });
  const remind = app.task('mails.remind', { queue: 'mails', run: ({ to }: { readonly to: string }) => ({ sent: to }) });
  const count = app.task('stock.count', {
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
  return { charge, remind, count };
}

function declareReport(app: App): Shop['report'] {
  const { task } = app.preset({ queue: 'reports' });
  const fetchSales = task('sales.fetch', { run: ({ day }: { readonly day: string }) => [day.length, 20, 12] });
  const sum = task('sales.sum', { run: (sales: readonly number[]) => sales.reduce((all, one) => all + one, 0) });
  const number = task('sales.number', { run: (sales: readonly number[]) => sales.length });
  const render = task('sales.render', { run: ([total, orders]: readonly number[]) => `${orders} orders, ${total} euros` });
  return () => chain(fetchSales.s(), group(sum.s(), number.s()), render.s()).enqueue({ day: '2026-11-28' });
}
