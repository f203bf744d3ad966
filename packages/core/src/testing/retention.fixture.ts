/** A process that works a job whose result stays for a while, or forgets a run, until it is killed. Its orders are in OXBOW_FIXTURE. */
import { appendFileSync } from 'node:fs';
import { chord, createApp } from '../index.ts';
import type { FixtureConfig } from './fixture-process.ts';
import { retentionTasks } from './retention-tasks.ts';

const config = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as FixtureConfig;
const app = createApp({ name: config.app, url: config.url, logLevel: 'error' });
const { kept, sum } = retentionTasks(app, config);
await app.worker({ lockDuration: config.lockDuration ?? 1000 }).start();

const handle = config.forgets === true ? await chord([kept.si(1), kept.si(2)], sum.s()).enqueue() : await kept.enqueue(1);
appendFileSync(config.ledger, `id ${handle.id}\n`);
await handle.result();
await handle.forget();
