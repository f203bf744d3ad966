/** A process with one worker, for tests that kill it. Its orders are in OXBOW_FIXTURE and come as messages. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { createApp } from '../app.ts';
import type { SignalName } from '../signals.ts';
import type { FixtureConfig, FixtureMessage, FixtureRequest } from './fixture-process.ts';
import { entries } from './ledger.ts';

const config = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as FixtureConfig;
const { queue } = config;

const write = (word: string, about: unknown): void => appendFileSync(config.ledger, `${word} ${String(about)}\n`);
const tell = (message: FixtureMessage): void => void process.send?.(message);
/** As an insert under a unique key: the second of one id does nothing. */
const effect = (id: string): void => {
  try {
    writeFileSync(`${config.ledger}-${id}`, '', { flag: 'wx' });
  } catch {
    return;
  }
  write('effect', id);
};
const never = (): Promise<never> =>
  new Promise(() => {
    // A handle keeps the process alive, as a stuck handler's socket would.
    setInterval(() => undefined, 1000);
  });

const app = createApp({
  name: config.app,
  url: config.url,
  logLevel: config.logLevel ?? 'error',
  finishedCounters: true,
  ...(config.maxCrashes === undefined ? {} : { maxCrashes: config.maxCrashes }),
  ...(config.fleetLease === undefined ? {} : { fleet: { lease: config.fleetLease } }),
  ...(config.connectTimeout === undefined ? {} : { connectTimeout: config.connectTimeout }),
});

const tasks = {
  /** Takes a few milliseconds, has an effect keyed by its id, and notes its beginning and end. */
  note: app.task('note', {
    queue,
    run: async (n: number, ctx) => {
      write('start', n);
      await wait(Math.random() * 30);
      effect(ctx.id);
      write('end', n);
      return n;
    },
  }),
  poison: app.task('poison', {
    queue,
    run: () => {
      write('poison', 'taken');
      process.kill(process.pid, 'SIGKILL');
      return never();
    },
  }),
  fails: app.task('fails', {
    queue,
    retry: { attempts: 2, backoff: () => 0 },
    run: (_: unknown, ctx) => {
      write('fails', ctx.attempt);
      if (ctx.attempt === 2) throw Object.assign(new RangeError('as recorded', { cause: new TypeError('root') }), { code: 'E_RECORDED' });
      throw new Error('first');
    },
  }),
  /** Does not listen to anybody. */
  stuck: app.task('stuck', {
    queue,
    run: (_: unknown, ctx) => {
      write('stuck', ctx.attempt);
      return never();
    },
  }),
  /** Ends when it is told to. */
  polite: app.task('polite', {
    queue,
    run: (_: unknown, ctx) => {
      write('polite', ctx.attempt);
      return new Promise((_resolve, reject) => {
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
      });
    },
  }),
  /** Does not let the event loop turn. */
  block: app.task('block', {
    queue,
    run: (ms: number, ctx) => {
      write('block', ctx.id);
      const end = performance.now() + ms;
      while (performance.now() < end);
      write('unblock', ctx.id);
    },
  }),
  /** Fails at first, with a beat and a report that are not stored yet; then notes what the last one told. */
  beats: app.task('beats', {
    queue,
    retry: { attempts: 2, backoff: () => 0 },
    states: ['READING'],
    run: async (_: unknown, ctx) => {
      write('beats', JSON.stringify(ctx.lastHeartbeat ?? null));
      if (ctx.lastHeartbeat !== undefined) return;
      await ctx.setState('READING');
      for (const line of [1, 2]) {
        await ctx.heartbeat({ line });
        await ctx.progress(line, 2);
      }
      throw new Error('first');
    },
  }),
  /** One at a time, of two that may: notes its fence. */
  guarded: app.task('guarded', {
    queue,
    concurrency: { key: () => 'pair', limit: 2, ttl: 1500 },
    lock: { key: () => 'one', ttl: 1500 },
    run: async (n: number, ctx) => {
      write('enter', `${n} ${ctx.fence}`);
      await wait(5);
      effect(ctx.id);
      write('leave', `${n} ${ctx.fence}`);
    },
  }),
  /** Leaves something to the process. */
  leaves: app.task('leaves', {
    queue,
    run: (ms: number) => {
      app.background(async () => {
        write('background', 'start');
        await wait(ms);
        write('background', 'end');
      });
    },
  }),
  slow: app.task('slow', {
    queue,
    run: async (ms: number) => {
      write('slow', 'start');
      await wait(ms);
      write('slow', 'end');
    },
  }),
};

const SIGNALS: readonly SignalName[] = [
  'worker:ready',
  'worker:draining',
  'worker:drained',
  'worker:blocked',
  'engine:clock-skewed',
  'task:succeeded',
  'task:failed',
  'task:put-back',
];
for (const name of SIGNALS) app.on(name, (event) => tell({ ...(event as object), name }));

process.on('message', (request: FixtureRequest) => void answer(request));
process.channel?.unref();

async function answer(request: FixtureRequest): Promise<void> {
  if ('lock' in request) {
    const lock = await app.lock(request.lock, { ttl: request.ttl, wait: 'fail' }).catch(() => undefined);
    tell({ name: lock === undefined ? 'lock-refused' : 'locked', ...(lock === undefined ? {} : { fence: lock.fence }) });
    return;
  }
  if ('enqueue' in request) {
    const task = tasks[request.enqueue as keyof typeof tasks] as { enqueue(input: unknown): Promise<{ id: string }> };
    tell({ name: 'enqueued', id: (await task.enqueue(request.input ?? null)).id });
    return;
  }
  const handle = app.handle(request.watch);
  await handle.result().catch(() => undefined);
  tell({ name: 'ended', id: request.watch, status: await handle.status() });
}

async function produce(upTo: number): Promise<void> {
  for (let n = entries(config.ledger, 'ack').length; n < upTo; n++) {
    const handle = await tasks[config.produces ?? 'note'].enqueue(n);
    write('ack', `${n} ${handle.id}`);
  }
  tell({ name: 'produced' });
}

if (config.produce !== undefined) void produce(config.produce);
await app
  .worker({
    queues: { [queue]: config.concurrency ?? 5 },
    ...(config.lockDuration === undefined ? {} : { lockDuration: config.lockDuration }),
    ...(config.maxBlocked === undefined ? {} : { maxBlocked: config.maxBlocked }),
    ...(config.startup === undefined ? {} : { startup: () => Promise.reject(new Error('no pool')) }),
    ...(config.drain === undefined ? {} : { drain: config.drain }),
  })
  .run();
