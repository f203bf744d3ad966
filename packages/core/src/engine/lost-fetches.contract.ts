import { Proxy } from '@oxbow/faults';
import { expect, it, onTestFinished } from 'vitest';
import type { App } from '../app.ts';
import type { JobHandle } from '../client/handle.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

export interface LostFetchServer {
  readonly engine: TestEngine;
  readonly port: number;
  urlAt(port: number): string;
  /** Bytes of the requests that fetch, and of those that end a job and fetch. */
  readonly fetch: string;
  readonly endAndFetch: string;
  /** Bytes of what a busy worker sends again and again. */
  readonly work: string;
}

/** Far less than the lock, after whose end the job would start anyway. */
const SOON_MS = 20_000;

interface Stage {
  readonly proxy: Proxy;
  readonly near: App;
  readonly far: App;
  readonly starts: Map<number, number>;
  readonly add: (n: number) => Promise<JobHandle<number>>;
}

/** The worker's app speaks through the proxy, the producer's does not. Locks are as long as they are by default. */
export function lostFetchesContract(start: () => Promise<LostFetchServer>): void {
  const stage = async (server: LostFetchServer, run: (n: number) => Promise<void> = () => Promise.resolve()): Promise<Stage> => {
    const proxy = await Proxy.to(server.port);
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const far = withApp(server.engine);
    const near = withApp({ ...server.engine, url: server.urlAt(proxy.port) }, { name: far.name });
    const starts = new Map<number, number>();
    near.task('task', {
      queue: 'work',
      run: async (n: number) => {
        starts.set(n, (starts.get(n) ?? 0) + 1);
        await run(n);
      },
    });
    const task = far.task('task', { queue: 'work', run: (n: number) => Promise.resolve(n) });
    // The first call of a script is refused by a Redis that does not have it.
    const worker = await startWorker(far, { queues: { work: 1 } });
    await (await task.enqueue(0)).result();
    await worker.drain();
    return { proxy, near, far, starts, add: (n) => task.enqueue(n) };
  };
  const crashes = async ({ far }: Stage, { id }: { readonly id: string }): Promise<number | undefined> =>
    (await far.queue('work').getJob(id.split('@')[0] ?? ''))?.stalledCounter;

  it('starts a job again at once whose fetch got no reply, and counts no crash', async () => {
    const server = await start();
    const all = await stage(server);
    const job = await all.add(1);
    const swallowed = all.proxy.swallowReply(server.fetch);
    await startWorker(all.near, { queues: { work: 1 } });
    await swallowed;
    const since = performance.now();
    await job.result();
    expect(performance.now() - since).toBeLessThan(SOON_MS);
    expect([...all.starts]).toEqual([[1, 1]]);
    expect(await crashes(all, job)).toBe(0);
  });

  it('starts the job again that came with the lost reply to the end of another, before those that wait', async () => {
    const server = await start();
    const [gate, next] = [new Gate(), new Gate()];
    const all = await stage(server, (n) => (n === 1 ? gate.pass() : n === 3 ? next.pass() : Promise.resolve()));
    const first = await all.add(1);
    await startWorker(all.near, { queues: { work: 1 } });
    await until('the first runs', () => gate.arrived === 1);
    const rest = [await all.add(2), await all.add(3), await all.add(4)] as const;
    const swallowed = all.proxy.swallowReply(server.endAndFetch);
    gate.open();
    await swallowed;
    const since = performance.now();
    await until('it is back', async () => all.starts.has(2) || (await rest[0].status()).status === 'waiting');
    next.open();
    await Promise.all([first, ...rest].map((job) => job.result()));
    expect(performance.now() - since).toBeLessThan(SOON_MS);
    expect([...all.starts.values()]).toEqual([1, 1, 1, 1]);
    // The third may have been fetched before it was back.
    expect([...all.starts.keys()].filter((n) => n !== 3)).toEqual([1, 2, 4]);
    expect(await crashes(all, rest[0])).toBe(0);
  });

  it('leaves a job alone that runs', async () => {
    const server = await start();
    const gate = new Gate();
    const all = await stage(server, (n) => (n === 1 ? gate.pass() : Promise.resolve()));
    const running = await all.add(1);
    await startWorker(all.near, { queues: { work: 2 } });
    await until('it runs', () => gate.arrived === 1);
    const swallowed = all.proxy.swallowReply(server.fetch);
    const lost = await all.add(2);
    await swallowed;
    all.proxy.cutAll();
    await lost.result();
    expect(await crashes(all, lost)).toBe(0);
    gate.open();
    await running.result();
    expect([...all.starts]).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('starts each of many jobs once, however many replies are lost', async () => {
    const server = await start();
    const all = await stage(server, () => new Promise((resolve) => setImmediate(resolve)));
    await startWorker(all.near, { queues: { work: 10 } });
    const jobs: JobHandle<number>[] = [];
    for (let loss = 0; loss < 6; loss++) {
      const swallowed = all.proxy.swallowReply(server.work);
      jobs.push(...(await Promise.all(Array.from({ length: 30 }, (_, n) => all.add(30 * loss + n)))));
      await swallowed;
    }
    await Promise.all(jobs.map((job) => job.result()));
    expect([...all.starts.values()]).toEqual(jobs.map(() => 1));
    expect(await Promise.all(jobs.map((job) => crashes(all, job)))).toEqual(jobs.map(() => 0));
  });
}
