/** A worker of a load, which shows its metrics. Its orders are in LOAD_ORDERS; it tells when it works, and goes when its parent has gone. */
import { createMetrics } from '@oxbow/metrics';
import { openLoad, QUEUE, type WorkerOrders } from './load-tasks.ts';

const orders = JSON.parse(process.env['LOAD_ORDERS'] ?? '{}') as WorkerOrders;
const { app } = openLoad(orders);
const worker = app.worker({ queues: { [QUEUE]: orders.slots }, lockDuration: 2000 });
await createMetrics(app, { worker, collect: 'process' }).listen({ port: orders.port });
process.on('disconnect', () => process.exit(1));
await worker.start();
process.send?.('ready');
