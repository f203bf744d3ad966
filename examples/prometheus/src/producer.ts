/**
 * The process that enqueues: `MAILS` mails and then a steady trickle. It exports what it enqueues, and what the store knows of all queues: one
 * process of an app is enough for that.
 */
import { setInterval as every } from 'node:timers/promises';
import { createMetrics } from '@oxbow/metrics';
import { app, makeReport, sendMail } from './app.ts';

const metrics = createMetrics(app, { collect: 'both' });
const { url } = await metrics.listen({ port: Number(process.env['PORT'] ?? 9465), host: process.env['HOST'] ?? '127.0.0.1' });

let number = 0;
await sendMail.enqueueMany(Array.from({ length: Number(process.env['MAILS'] ?? 500) }, () => nextMail()));
await Promise.all(Array.from({ length: 5 }, () => makeReport.enqueue({ day: '2026-11-27' })));
process.send?.({ metrics: url });

if (process.env['TRICKLE'] !== 'none') {
  for await (const _ of every(200)) {
    await sendMail.enqueueMany([nextMail(), nextMail()]);
    await makeReport.enqueue({ day: new Date().toISOString().slice(0, 16) });
  }
}

function nextMail(): { to: string; number: number } {
  return { to: 'ann@example.com', number: number++ };
}
