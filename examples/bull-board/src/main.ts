/** Works, serves the board, and gives it something to show. */
import { app, charge, count, remind, startReport, world } from './app.ts';
import { openBoard } from './board.ts';

const { url, server } = await openBoard(Number(process.env['PORT'] ?? 3000));
console.log(url);

await charge.enqueue({ order: '42', amount: 10 });
await remind.enqueue({ to: 'ann@example.com' }, { delay: '1h' });
await count.enqueue({ shelves: 8 });
await startReport();
await app.queue('mails').upsertJobScheduler('tick', { every: 10_000 }, { name: 'shop.tick', data: { every: '10 s' } });
// The payment that has failed can be tried again now.
setTimeout(() => (world.providerIsDown = false), 5000).unref();

await app.worker({ shutdown: () => void server.close() }).run();
