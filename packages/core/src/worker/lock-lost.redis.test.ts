import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { LockLostError } from '../errors.ts';
import { onRedis } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { recordSignals, startWorker, withApp } from '../testing/with-app.ts';

onRedis((engine) => {
  it('tells the handler whose lock vanishes, refuses its late result, and runs the job again', async () => {
    const app = withApp(engine);
    const reasons: unknown[] = [];
    let attempts = 0;
    const task = app.task('task', {
      queue: 'work',
      run: async (_: undefined, ctx) => {
        attempts += 1;
        if (attempts > 1) return 'second';
        await new Promise((resolve) => {
          ctx.signal.addEventListener('abort', resolve);
        });
        reasons.push(ctx.signal.reason);
        return 'late';
      },
    });
    const lost = recordSignals(app, 'task:lock-lost');
    const stalled = recordSignals(app, 'task:stalled');
    const succeeded = recordSignals(app, 'task:succeeded');
    await startWorker(app, { queues: { work: 1 }, lockDuration: '1s' });
    const handle = await task.enqueue();
    await until('it runs', () => attempts === 1);
    const client = new Redis(engine.url);
    onTestFinished(() => client.disconnect());
    const [jobId] = handle.id.split('@');
    expect(await client.del(`{oxbow:${app.name}}:q:work:${jobId}:lock`)).toBe(1);
    expect(await handle.result()).toBe('second');
    expect(reasons[0]).toBeInstanceOf(LockLostError);
    expect(lost).toEqual([{ id: handle.id, queue: 'work' }]);
    expect(stalled).toEqual([{ id: handle.id, queue: 'work' }]);
    await until('the end is told', () => succeeded.length > 0);
    expect(succeeded).toMatchObject([{ id: handle.id }]);
  });
});
