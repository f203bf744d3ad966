/** The app and its task, for the processes that serve and those that work. Importing it connects to nothing. */
import { createApp, NonRetryableError } from '@oxbow/core';
import { z } from 'zod';

export interface Order {
  /** The customer's own number for it. */
  readonly reference: string;
  readonly item: string;
  readonly quantity: number;
  readonly total: number;
  readonly payment: string;
}

/** What the handler needs of the world. */
export interface Deps {
  /** Resolves to the number of the payment. The same reference again is the same payment. */
  charge(reference: string, amount: number): Promise<string>;
  /** A stand-in for a table, unique by reference. */
  readonly orders: Map<string, Order>;
}

const prices: Readonly<Record<string, number>> = { tea: 4, coffee: 7 };

export const app = createApp<Deps>({ name: 'express-orders' });

export const createOrder = app.task('orders.create', {
  input: z.strictObject({ reference: z.string().min(1).max(100), item: z.string(), quantity: z.int().positive() }),
  queue: 'orders',
  retry: { attempts: 3, backoff: { delay: '100ms' } },
  // Requests bring their Idempotency-Key. That the handler may run again is no harm: what it does counts once for each reference.
  idempotency: 'natural',
  run: async ({ reference, item, quantity }, { deps }) => {
    const price = prices[item];
    if (price === undefined) throw new NonRetryableError(`there is no "${item}"`);
    const total = price * quantity;
    const order: Order = { reference, item, quantity, total, payment: await deps.charge(reference, total) };
    deps.orders.set(reference, order);
    return order;
  },
});
