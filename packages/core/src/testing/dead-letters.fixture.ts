/** A process that enqueues mortal tasks and runs them, or replays their dead letters, until it is killed. Its orders are in OXBOW_FIXTURE. */
import { appendFileSync } from 'node:fs';
import { createApp } from '../app.ts';
import type { FixtureConfig } from './fixture-process.ts';
import { mortalTasks } from './mortal-tasks.ts';

const config = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as FixtureConfig;
const app = createApp({ name: config.app, url: config.url, logLevel: 'error' });
const tasks = mortalTasks(app, config);

if (config.retry !== undefined) await app.run(config.retry).retryFailed();
if (config.replay === true) await app.deadLetters.replayMany({ rate: '1000/s' });
for (let n = 0; n < (config.produce ?? 0); n++) {
  for (const name of config.tasks ?? []) {
    const { id } = await tasks[name].enqueue(n);
    appendFileSync(config.ledger, `ack ${name} ${n} ${id}\n`);
  }
}
await app.worker({ queues: { [config.queue]: config.concurrency ?? 5 }, lockDuration: config.lockDuration ?? 1000 }).run();
