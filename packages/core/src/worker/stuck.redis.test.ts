import { expect, it } from 'vitest';
import { operate } from '../operate.ts';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { recordSignals, startWorker, withApp } from '../testing/with-app.ts';

withOwnRedis('a redis that stops answering', () => {
  it('is told of as soon as a lane is stuck, and work resumes within 15 s of its return', async () => {
    const server = await RedisServer.started();
    const app = withApp({ kind: 'redis', url: server.url }, { connectTimeout: '1m' });
    const task = app.task('task', { queue: 'work', run: (n: number) => n });
    const stuck = recordSignals(app, 'worker:stuck');
    const recovered = recordSignals(app, 'worker:recovered');
    await startWorker(app, { queues: { work: 1 } });
    expect(await (await task.enqueue(1)).result()).toBe(1);
    server.pause();
    const sent = task.enqueue(2);
    await until('the lane is stuck', () => stuck.length > 0);
    expect(stuck).toEqual([{ queue: 'work', silentMs: 10_000 }]);
    expect(operate(app).workers()).toMatchObject([{ lanes: [{ queue: 'work', stuck: true }] }]);
    server.resume();
    const resumedAt = performance.now();
    expect(await (await sent).result()).toBe(2);
    expect(performance.now() - resumedAt).toBeLessThan(15_000);
    await until('the lane has recovered', () => recovered.length > 0);
    expect(operate(app).workers()).toMatchObject([{ lanes: [{ stuck: false }] }]);
  });
});
