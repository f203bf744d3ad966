/** The producer: enqueues a report, shows what its run is doing, and prints the page. */
import { app, salesReport } from './app.ts';

const run = await salesReport(['north', 'south', 'west']).enqueue({ day: '2026-11-22' }, { expires: '1h' });
console.log(`run ${run.id}`);
for await (const { status, counts } of run.changes()) console.log(`${status}, ${counts.succeeded} jobs succeeded`);
console.log(await run.result());
await app.close();
