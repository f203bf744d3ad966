import { Queue, type BackendFactory } from 'bullmq';
import { expect, it, onTestFinished } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { BullLane } from './lane.ts';
import { createRedisDriver } from './redis.ts';

onRedis(({ url }) => {
  it('starts a job while the next fetch is still on its way', async () => {
    const app = uniqueName();
    const driver = createRedisDriver({ app, url, connectTimeoutMs: 5000, tls: undefined, onError: () => undefined });
    await driver.open();
    const [started, answer] = [new Gate(), new Gate()];
    let fetches = 0;
    const backend: BackendFactory = (...args) => {
      const made = driver.backend(...args);
      const moveToActive = made.moveToActive.bind(made);
      made.moveToActive = async (...fetch) => {
        const found = await moveToActive(...fetch);
        if (found[0] !== undefined && found[0] !== null) fetches += 1;
        else if (fetches > 0) await answer.opened;
        return found;
      };
      return made;
    };
    const queue = new Queue('queue', driver.queueOptions(), driver.backend);
    await queue.add('job', {}, { jobId: 'job' });
    const lane = new BullLane(
      {
        queue: 'queue',
        concurrency: 3,
        lockDurationMs: 30_000,
        maxBlockedMs: undefined,
        keepSucceeded: undefined,
        keepFailed: undefined,
        process: () => {
          started.open();
          return Promise.resolve({ kind: 'complete', value: null });
        },
        onError: () => undefined,
        onStalled: () => undefined,
        onLockLost: () => undefined,
      },
      { ...driver, backend },
    );
    onTestFinished(async () => {
      answer.open();
      await lane.close();
      await queue.close();
      await driver.close();
      await deleteKeys(url, app);
    });
    await lane.ready();
    lane.start();
    await started.opened;
    expect(fetches).toBe(1);
  });
});
