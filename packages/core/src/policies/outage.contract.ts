import { expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

const OUTAGE_MS = 10_000;
const JOBS = 8;

interface Server {
  start(): Promise<void>;
  /** At once, as a crash would. */
  stop(): Promise<void>;
}

/** Work in the middle of which the server stops. */
interface Interrupted {
  whileAway(): Promise<void>;
  whenBack(): Promise<void>;
}

/** One server, stopped once for all: ten seconds are long for a test. @param create - a server that has started; gone when the test ends. */
export function outageContract<Own extends Server>(create: () => Promise<Own>, engineOf: (server: Own) => TestEngine): void {
  it('of ten seconds in the middle of the work leaves places one at a time, and keys one result', { timeout: 90_000 }, async () => {
    const server = await create();
    const engine = engineOf(server);
    const work = await Promise.all([places(engine), keys(engine, 2 * OUTAGE_MS), keys(engine, 200)]);
    await server.stop();
    const stoppedAt = performance.now();
    await Promise.all(work.map((one) => one.whileAway()));
    await until('it was away', () => performance.now() - stoppedAt > OUTAGE_MS);
    await server.start();
    await expect(Promise.all(work.map((one) => one.whenBack()))).resolves.toHaveLength(work.length);
  });
}

/** The leases end long before the server is back. */
async function places(engine: TestEngine): Promise<Interrupted> {
  const app = withApp(engine);
  const gate = new Gate();
  const fences: number[] = [];
  const done = new Set<number>();
  const task = app.task('guarded', {
    concurrency: { key: () => 'pair', limit: 2, ttl: 1200 },
    rateLimit: { key: () => 'rate', limit: 100, per: '1s' },
    lock: { key: () => 'one', ttl: 1200 },
    run: async (n: number, ctx) => {
      fences.push(Number(ctx.fence));
      if (done.size >= 2) await gate.pass();
      await new Promise((resolve) => setTimeout(resolve, 60));
      done.add(n);
    },
  });
  const handles = await task.enqueueMany(Array.from({ length: JOBS }, (_, n) => n));
  await startWorker(app, { lockDuration: 2000 });
  await until('some have run, and one is running', () => gate.arrived > 0);
  return {
    whileAway: async () => gate.open(),
    whenBack: async () => {
      await Promise.all(handles.map((handle) => handle.result({ timeout: '60s' })));
      await (await app.lock('one', { wait: '5s' })).release();
      expect(done.size).toBe(JOBS);
      expect(fences.toSorted((a, b) => a - b)).toEqual(fences);
    },
  };
}

/** The server is away at the record, and comes back sooner or later than calls wait. */
async function keys(engine: TestEngine, connectTimeout: number): Promise<Interrupted> {
  const app = withApp(engine, { connectTimeout });
  const gate = new Gate();
  const ran: number[] = [];
  const task = app.task('task', {
    idempotency: { key: (n: number) => `key ${n}` },
    run: async (n: number) => {
      ran.push(n);
      await gate.pass();
      return `${n}/${ran.length}`;
    },
  });
  const inputs = [1, 2, 3, 4];
  const handles = await task.enqueueMany(inputs);
  const results = Promise.all(handles.map((handle) => handle.result()));
  await startWorker(app, { lockDuration: '1s' });
  await until('all run', () => gate.arrived === inputs.length);
  return {
    whileAway: async () => {
      gate.open();
      if (connectTimeout < OUTAGE_MS) await expect(task.enqueue(1)).rejects.toMatchObject({ code: 'engine_unavailable' });
    },
    whenBack: async () => {
      const values = await results;
      for (const [i, n] of inputs.entries()) {
        const again = await task.enqueue(n);
        expect([again.id, again.replayed, await again.result()]).toEqual([handles[i]?.id, true, values[i]]);
      }
      for (const n of inputs) expect(ran.filter((one) => one === n).length).toBeLessThanOrEqual(2);
    },
  };
}
