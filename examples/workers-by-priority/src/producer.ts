/** Says where jobs would go and why, sends some, and waits for them: `npm run producer`, while workers run. */
import { app, router, tasks } from './app.ts';
import { ended, send, waited } from './load.ts';

const free = { order: 1, tier: 'free' } as const;
const explained = [
  router.explain(tasks.capture, free),
  router.explain(tasks.mail, { order: 2, tier: 'premium' }),
  router.explain(tasks.mail, free),
  router.explain(tasks.preview, free, { headers: { source: 'backfill' } }),
  router.explain(tasks.export, free, { at: new Date('2026-11-28T23:00:00Z') }),
  router.explain(tasks.export, free, { at: new Date('2026-11-28T12:00:00Z') }),
];
for (const { queue, by, why } of explained) console.log(`${queue.padEnd(9)} ${by.padEnd(17)} ${why}`);

const handles = await send({ capture: 20, confirm: 20, mail: 20, preview: 20, export: 40 });
console.table(waited(await ended(handles)));
await app.close();
