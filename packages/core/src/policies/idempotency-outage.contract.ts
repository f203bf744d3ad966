import { expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

interface Server {
  start(): Promise<void>;
  /** At once, as a crash would. */
  stop(): Promise<void>;
}

/** @param create - a server that has started; gone when the test ends. */
export function idempotencyOutageContract<Own extends Server>(create: () => Promise<Own>, engineOf: (server: Own) => TestEngine): void {
  it.each([
    ['sooner', 5000],
    ['later', 200],
  ])('has one result for each key when the server is away at the record, and comes back %s than calls wait', async (_, connectTimeout) => {
    const server = await create();
    const app = withApp(engineOf(server), { connectTimeout });
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
    await server.stop();
    gate.open();
    if (connectTimeout < 1000) await expect(task.enqueue(1)).rejects.toMatchObject({ code: 'engine_unavailable' });
    await server.start();
    const values = await results;
    for (const [i, n] of inputs.entries()) {
      const again = await task.enqueue(n);
      expect([again.id, again.replayed, await again.result()]).toEqual([handles[i]?.id, true, values[i]]);
    }
    for (const n of inputs) expect(ran.filter((one) => one === n).length).toBeLessThanOrEqual(2);
  });
}
