/** One process of a soak: a worker, or a producer. Its orders are in SOAK_ORDERS, and come as messages. */
import { Ledger } from '@oxbow/faults';
import type { Orders, Reply, Request } from './orders.ts';
import { QUEUES } from './orders.ts';
import { enqueueLarge } from './large-group.ts';
import { openApp } from './tasks.ts';
import { START } from './evidence.ts';

const orders = JSON.parse(process.env['SOAK_ORDERS'] ?? '{}') as Orders;
const app = openApp(orders, new Ledger(orders.ledger));
const tell = (reply: Reply): void => void process.send?.(reply);

process.on('message', (request: Request) => {
  answer(request).then(tell, (error: unknown) => tell({ kind: 'refused', message: String(error) }));
});
process.on('disconnect', () => process.exit(1));
// The harness may have ended while this was loading.
if (!process.connected) process.exit(1);
if (orders.role === 'worker') process.channel?.unref();

if (orders.role === 'worker') {
  app.on('worker:ready', () => tell({ kind: 'ready' }));
  // `after-ack-before-signal` lies where somebody is told.
  app.on('task:succeeded', () => undefined);
  await app
    .worker({
      queues: Object.fromEntries(QUEUES.map((queue) => [queue, orders.concurrency])),
      lockDuration: orders.lockMs,
      drain: { soft: orders.drain.softMs, hard: orders.drain.hardMs },
    })
    .run();
} else {
  await app.ready();
  tell({ kind: 'ready' });
}

async function answer(request: Request): Promise<Reply> {
  switch (request.kind) {
    case 'enqueue':
      return { kind: 'enqueued', id: (await app.signature(request.tree).enqueue(START as never)).id };
    case 'enqueue-large':
      return { kind: 'enqueued', id: await enqueueLarge(app, request.members) };
    case 'cancel':
      return { kind: 'cancelled', was: await app.run(request.id).cancel('the harness asked') };
  }
}
