/** Works, serves the board, and gives it something to show. */
import { openBoard } from './board.ts';
import { openShop, QUEUES } from './shop.ts';

const { app, world, charge, remind, count, report } = openShop();
const { url, server } = await openBoard(app, {
  queues: QUEUES,
  port: Number(process.env['PORT'] ?? 3000),
  readOnly: process.env['READ_ONLY'] === '1',
});
console.log(url);

await charge.enqueue({ order: '42', amount: 10 });
await remind.enqueue({ to: 'ann@example.com' }, { delay: '1h' });
await count.enqueue({ shelves: 8 });
await report();
await app.queue('mails').upsertJobScheduler('tick', { every: 10_000 }, { name: 'shop.tick', data: { every: '10 s' } });
// From now on the payment that has failed can be tried again.
setTimeout(() => (world.providerIsDown = false), 5000).unref();

await app.worker({ shutdown: () => void server.close() }).run();
