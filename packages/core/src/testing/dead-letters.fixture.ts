/** A process that fails jobs, replays them, or loses them, for tests that kill it. Its orders are in OXBOW_FIXTURE. */
import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { createApp } from '../app.ts';
import type { FixtureConfig, FixtureMessage } from './fixture-process.ts';

const config = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as FixtureConfig;
const { queue, repaired = false } = config;
const write = (word: string, about: unknown): void => appendFileSync(config.ledger, `${word} ${String(about)}\n`);
const tell = (message: FixtureMessage): void => void process.send?.(message);

const app = createApp({
  name: config.app,
  url: config.url,
  logLevel: config.logLevel ?? 'error',
  ...(config.maxCrashes === undefined ? {} : { maxCrashes: config.maxCrashes }),
});

const tasks = {
  /** Fails for good until it is repaired. */
  dies: app.task('dies', {
    queue,
    run: (n: number) => {
      write(repaired ? 'revived' : 'died', n);
      if (!repaired) throw new RangeError(`number ${n}`);
    },
  }),
  once: app.task('once', { queue, delivery: 'at-most-once', run: (n: number) => effect('once', n) }),
  often: app.task('often', { queue, run: (n: number) => effect('often', n) }),
  poison: app.task('poison', {
    queue,
    run: (n: number) => {
      write('poison', n);
      process.kill(process.pid, 'SIGKILL');
      return wait(10_000);
    },
  }),
} as const;

async function effect(task: string, n: number): Promise<void> {
  write(task, n);
  await wait(5 + Math.random() * 30);
}

if (config.role === 'produce') {
  const { produce = 1 } = config;
  const numbers = Array.from({ length: produce }, (_, n) => n);
  for (const name of (process.env['OXBOW_TASKS'] ?? 'dies').split(',')) {
    const handles = await tasks[name as keyof typeof tasks].enqueueMany(numbers);
    for (const [n, { id }] of handles.entries()) write('ack', `${name} ${n} ${id}`);
  }
} else if (config.role === 'replay') {
  write('replayed', JSON.stringify(await app.deadLetters.replayMany({ rate: '1000/s' })));
} else {
  app.on('worker:ready', () => tell({ name: 'worker:ready' }));
  process.channel?.unref();
  await app.worker({ queues: { [queue]: config.concurrency ?? 5 }, lockDuration: config.lockDuration ?? 1000 }).run();
}
await app.close();
process.exit(0);
