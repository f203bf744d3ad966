/** A process that enqueues under idempotency keys and works, for tests that kill it. Its orders are in OXBOW_FIXTURE. */
import { appendFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { createApp } from '../app.ts';
import { group } from '../canvas/group.ts';
import { NonRetryableError } from '../errors.ts';
import type { FixtureConfig } from './fixture-process.ts';
import { entries } from './ledger.ts';

const config = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as FixtureConfig;
const { queue, ledger } = config;
const SHARED = 'shared';
const write = (word: string, about: string): void => appendFileSync(ledger, `${word} ${about}\n`);
/** Never twice the same, so that a second value of one thing shows. */
const draw = (word: string, about: string): string => {
  const value = randomUUID();
  write(word, `${about} ${value}`);
  return value;
};

const app = createApp({ name: config.app, url: config.url, logLevel: 'error' });

interface Order {
  readonly key: string;
  readonly at: string;
}

const charge = app.task('charge', {
  idempotency: { key: ({ key }: Order) => key },
  run: ({ key }) => {
    // A failure that is final; whoever enqueues again has more luck.
    if (key.endsWith('fails') && !entries(ledger, 'refused').includes(key)) {
      write('refused', key);
      throw new NonRetryableError('not this time');
    }
    return draw('ran', key);
  },
});

const steps = app.task('steps', {
  idempotency: 'natural',
  retry: { attempts: 2, backoff: () => 0 },
  run: async (key: string, ctx) => {
    for (const step of ['a', 'b']) write('saw', `${key}/${step} ${await ctx.once(step, () => draw('step', `${key}/${step}`))}`);
    if (ctx.attempt === 1) throw new Error('once more');
    return draw('ran', key);
  },
});

/** Until there is a result, and what it is then for who asks again. */
async function settle(key: string, at: string): Promise<void> {
  const enqueue = () =>
    key.endsWith('steps') ? steps.enqueue(key, { idempotencyKey: key, queue: at }) : charge.enqueue({ key, at }, { queue: at });
  for (;;) {
    const handle = await enqueue();
    const result = await handle.result().catch(() => undefined);
    if (result === undefined) continue;
    write('result', `${key} ${result}`);
    const again = await enqueue();
    write('result', `${key} ${await again.result()}`);
    write('settled', `${key} ${again.replayed && !again.created}`);
    return;
  }
}

async function settleAll(at: string): Promise<void> {
  const dropped = await charge.enqueue({ key: `${at}/dropped`, at }, { queue: at, delay: '1h' });
  await dropped.cancel();
  const canvasKey = `${at}/canvas`;
  const run = await group([1, 2].map(() => charge.si({ key: canvasKey, at }).with({ queue: at }))).enqueue();
  const keys = ['one', 'two', 'fails', 'dropped', 'steps'].map((name) => `${at}/${name}`);
  await Promise.all([...keys, ...keys.slice(0, 2)].map((key) => settle(key, at)));
  for (const value of await run.result()) write('result', `${canvasKey} ${value}`);
  await settle(canvasKey, at);
}

const served = [queue, ...(config.others ?? [])];
await app
  .worker({ queues: { ...Object.fromEntries(served.map((name) => [name, 1])), [SHARED]: 2 }, lockDuration: config.lockDuration ?? 1000 })
  .start();
await Promise.all([...served.map(settleAll), ...['x', 'y', 'fails'].map((name) => settle(`${SHARED}/${name}`, SHARED))]);
process.send?.({ name: 'settled' });
