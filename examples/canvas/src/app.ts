/** The app, its tasks, and the canvas that they make. Importing it connects to nothing. */
import { chain, createApp, group, NonRetryableError, type CanvasFailure, type Signature } from '@oxbow/core';
import { z } from 'zod';

export const app = createApp({ name: 'canvas-example' });

/** A stand-in for a database. */
const orders: Readonly<Record<string, readonly number[]>> = { north: [120, 80], south: [40], west: [] };

const Total = z.object({ region: z.string(), orders: z.int(), amount: z.number() });

const openDay = app.task('sales.open', {
  input: z.object({ day: z.iso.date() }),
  run: ({ day }) => ({ day, currency: 'EUR' }),
});

const addUp = app.task('sales.add-up', {
  input: z.object({ day: z.iso.date(), currency: z.string(), region: z.string() }),
  output: Total,
  retry: { attempts: 3, backoff: { delay: '1s' } },
  idempotency: 'natural',
  run: ({ region }) => {
    const amounts = orders[region];
    if (amounts === undefined) throw new NonRetryableError(`there is no region "${region}"`);
    return { region, orders: amounts.length, amount: amounts.reduce((sum, amount) => sum + amount, 0) };
  },
});

const render = app.task('sales.render', {
  input: z.object({ title: z.string(), totals: z.array(Total) }),
  run: ({ title, totals }) => [title, ...totals.map(({ region, amount }) => `${region}: ${amount}`)].join('\n'),
});

const alert = app.task('alert', {
  run: ({ channel, task, error }: CanvasFailure & { readonly channel: string }, ctx) => {
    // Tell whoever is to know.
    ctx.log.warn({ channel }, `${task}: ${error.message}`);
  },
});

/** Takes a day. All regions are added up at the same time; the page has them in this order. One alert when anything fails. */
export function salesReport(regions: readonly string[]): Signature<{ day: string }, string> {
  return chain(openDay.s(), group(regions.map((region) => addUp.s({ region }))), render.s({ title: 'Sales' }).receive('totals')).onError(
    alert.s({ channel: 'ops' }),
  );
}
