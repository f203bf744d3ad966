import { expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

const JOBS = 8;
const OUTAGE_MS = 10_000;

interface Outage {
  readonly engine: TestEngine;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A server that stops in the middle for longer than the leases last. */
export function placesOutageContract(create: () => Promise<Outage>): void {
  it('all jobs that need places run, with rising fences', { timeout: 90_000 }, async () => {
    const { done, fences } = await survive(await create());
    expect(done).toBe(JOBS);
    expect(fences.toSorted((a, b) => a - b)).toEqual(fences);
  });
}

async function survive({ engine, stop, start }: Outage): Promise<{ readonly done: number; readonly fences: readonly number[] }> {
  const app = withApp(engine);
  const fences: number[] = [];
  const done = new Set<number>();
  const task = app.task('guarded', {
    concurrency: { key: () => 'pair', limit: 2, ttl: 1200 },
    rateLimit: { key: () => 'rate', limit: 100, per: '1s' },
    lock: { key: () => 'one', ttl: 1200 },
    run: async (n: number, ctx) => {
      fences.push(Number(ctx.fence));
      await new Promise((resolve) => setTimeout(resolve, 60));
      done.add(n);
    },
  });
  const handles = await task.enqueueMany(Array.from({ length: JOBS }, (_, n) => n));
  await startWorker(app, { lockDuration: 2000 });
  await until('some have run', () => done.size >= 2);
  await stop();
  const stoppedAt = performance.now();
  await until('it was away', () => performance.now() - stoppedAt > OUTAGE_MS);
  await start();
  await Promise.all(handles.map((handle) => handle.result({ timeout: '60s' })));
  await (await app.lock('one', { wait: '5s' })).release();
  return { done: done.size, fences };
}
