/** A worker of a load, which shows its metrics. Its orders are in LOAD_ORDERS; it tells its address, and goes when its parent has gone. */
import { createMetrics } from '@oxbow/metrics';
import { openLoad, QUEUE, type LoadOrders } from './load-tasks.ts';

const orders = JSON.parse(process.env['LOAD_ORDERS'] ?? '{}') as LoadOrders;
const { app } = openLoad(orders);
const worker = app.worker({ queues: { [QUEUE]: orders.slots }, lockDuration: 2000 });
const { url } = await createMetrics(app, { worker, collect: 'process' }).listen({ port: 0 });
process.on('disconnect', () => process.exit(1));
await worker.start();
process.send?.(url);
