/** A worker of a rolling restart. Its orders are in ROLLING_ORDERS; it tells where its probes are, when it is ready, and what went wrong. */
import { setTimeout as wait } from 'node:timers/promises';
import { Ledger } from '@oxbow/faults';
import { createHealth } from '@oxbow/health';
import { openRolling, QUEUE, type RollingOrders } from './rolling-tasks.ts';

/** How long a real one takes to open what its jobs need, and to close it: long enough for probes to see it. */
const RESOURCES_MS = 250;

export type RollingMessage =
  | { readonly kind: 'listens'; readonly url: string }
  | { readonly kind: 'draining'; readonly running: number }
  | { readonly kind: 'stalled' | 'lost'; readonly id: string };

const orders = JSON.parse(process.env['ROLLING_ORDERS'] ?? '{}') as RollingOrders;
const { app } = openRolling(orders, new Ledger(orders.ledger));
const tell = (message: RollingMessage): void => void process.send?.(message);
process.on('disconnect', () => process.exit(1));
process.channel?.unref();

const worker = app.worker({
  queues: { [QUEUE]: orders.slots },
  startup: async () => wait(RESOURCES_MS),
  shutdown: async () => wait(RESOURCES_MS),
  drain: { soft: '10s', hard: '2s' },
});
app.on('worker:draining', ({ running }) => tell({ kind: 'draining', running }));
app.on('task:stalled', ({ id }) => tell({ kind: 'stalled', id }));
app.on('task:lock-lost', ({ id }) => tell({ kind: 'lost', id }));
const { url } = await createHealth(app, { worker }).listen({ port: 0 });
tell({ kind: 'listens', url });
await worker.run();
