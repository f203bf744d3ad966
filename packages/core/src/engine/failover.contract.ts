import type { RedisQueueBackend } from 'bullmq';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import type { JobHandle } from '../client/handle.ts';
import { OxbowError } from '../errors.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';
import type { BullQueue } from './engine.ts';

const RUNNING = 220;
const PRODUCERS = 4;
const ADDED_BEFORE = 40;
const ADDED_AFTER = 20;
const LOST = Symbol('lost');

/** Enqueue, results from several queues, a retry, a drain: what an app does, on any deployment of Redis. */
export async function expectWork(url: string): Promise<void> {
  const app = withApp({ kind: 'redis', url });
  const queues = ['a', 'b', 'c', 'd', 'e'];
  const task = app.task('task', { run: (n: number, ctx) => `${ctx.queue}${n}` });
  const twice = app.task('twice', {
    queue: 'a',
    retry: { attempts: 2, backoff: () => 0 },
    run: (_: undefined, ctx) => {
      if (ctx.attempt === 1) throw new Error('first');
      return ctx.attempt;
    },
  });
  const worker = await startWorker(app, { queues: Object.fromEntries(queues.map((queue) => [queue, 2])) });
  const results = queues.flatMap((queue) => [1, 2, 3].map(async (n) => (await task.enqueue(n, { queue })).result()));
  expect(await Promise.all(results)).toEqual(queues.flatMap((queue) => [1, 2, 3].map((n) => `${queue}${n}`)));
  expect(await (await twice.enqueue()).result()).toBe(2);
  const many = await task.enqueueMany([1, 2, 3], { queue: 'b' });
  expect(await Promise.all(many.map((handle) => handle.result()))).toEqual(['b1', 'b2', 'b3']);
  expect(await worker.drain()).toEqual({ orphans: [] });
}

/** What went wrong with jobs that were added before, during and after a failover. */
export interface Account {
  /** The replica was known to have them when it was promoted, and now they are unknown. */
  readonly safeLost: number;
  /** Succeeded, as the engine says, but no handler ran to its end. */
  readonly neverRan: number;
}

export const NOTHING_AMISS: Account = { safeLost: 0, neverRan: 0 };

/**
 * Fails over while 220 jobs run and four producers add. An add is safe when the server said (WAIT, on the same
 * connection) that its replica has it; of the others the promoted replica may never have heard.
 */
export async function workThroughFailover(url: string, app: string, failOver: () => Promise<unknown>): Promise<Account> {
  const { task, gate, ended, connection, worker } = await startWork(url, app);
  const safe = [...(await task.enqueueMany(Array.from({ length: RUNNING }, (_, n) => n)))];
  await until('they run', () => gate.arrived === RUNNING);
  const unsafe: JobHandle<number>[] = [];
  let n = RUNNING;
  let upTo = Infinity;
  const produce = async (): Promise<void> => {
    while (n < upTo) {
      const handle = await task.enqueue(n++);
      const replicas = (await connection.call('WAIT', '1', '100')) as number;
      (replicas > 0 ? safe : unsafe).push(handle);
    }
  };
  const producing = Promise.all(Array.from({ length: PRODUCERS }, produce));
  // The replica has all that was written before these.
  await until('some are added', () => safe.length >= RUNNING + ADDED_BEFORE);
  const failing = failOver();
  gate.open();
  await failing;
  upTo = n + ADDED_AFTER;
  await producing;
  const [fromSafe, fromUnsafe] = await Promise.all([resultsOf(safe), resultsOf(unsafe)]);
  await worker.drain();
  return {
    safeLost: fromSafe.filter((result) => result === LOST).length,
    neverRan: [...fromSafe, ...fromUnsafe].filter((result) => result !== LOST && !ended.has(result)).length,
  };
}

async function startWork(url: string, name: string) {
  const app = withApp({ kind: 'redis', url }, { name, connectTimeout: '20s' });
  const gate = new Gate();
  const ended = new Set<number>();
  const task = app.task('task', {
    queue: 'work',
    run: async (n: number) => {
      await gate.pass();
      ended.add(n);
      return n;
    },
  });
  const worker = await startWorker(app, { queues: { work: RUNNING } });
  return { task, gate, ended, connection: await producerOf(app.queue('work')), worker };
}

/** The connection on which the app's producers write. */
export async function producerOf(queue: BullQueue): Promise<Redis> {
  return (await (queue.getBackend() as RedisQueueBackend).client) as unknown as Redis;
}

async function resultsOf(handles: readonly JobHandle<number>[]): Promise<readonly (number | typeof LOST)[]> {
  return Promise.all(
    handles.map((handle) =>
      handle.result({ timeout: '20s' }).catch((error: unknown): typeof LOST => {
        if (OxbowError.is(error) && error.code === 'unknown_job') return LOST;
        throw error;
      }),
    ),
  );
}
