import { describe, expect, it } from 'vitest';
import type { SignalName } from './signals.ts';
import type { TestEngine } from './testing/engines.ts';
import { until } from './testing/until.ts';
import { recordSignals, stages, withApp } from './testing/with-app.ts';

/** What listeners are told and when, on every engine. */
export function signalsContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('signals', () => {
    it('come in order, each once, with the ids of the job', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('story'), {
        queue,
        retry: { attempts: 2, backoff: () => 0 },
        run: (_: undefined, ctx) => (ctx.attempt === 1 ? Promise.reject(new Error('no')) : 'yes'),
      });
      const story: string[] = [];
      const names: SignalName[] = ['task:enqueued', 'task:started', 'task:succeeded', 'task:failed', 'task:retrying', 'task:put-back'];
      const seen = names.map((signal) => recordSignals(app, signal));
      const offs = names.map((signal) =>
        app.on(signal, (event) => void story.push(`${signal} ${'attempt' in event ? event.attempt : ''}`.trim())),
      );
      await work();
      const handle = await task.enqueue();
      await handle.result();
      await until('the last signal', () => story.includes('task:succeeded 2'));
      expect(story).toEqual(['task:enqueued', 'task:started 1', 'task:retrying 1', 'task:started 2', 'task:succeeded 2']);
      for (const event of seen.flat()) expect(event).toMatchObject({ id: handle.id, task: task.name, queue });
      for (const off of offs) off();
    });

    it('come after the record: what they say can be read back', async () => {
      const { app, queue, name, work } = stage();
      const found: string[] = [];
      const look = async ({ id }: { id: string }): Promise<void> => void found.push((await app.handle(id).status()).status);
      const offs = [app.on('task:succeeded', look), app.on('task:failed', look), app.on('task:retrying', look)];
      const task = app.task(name('any'), {
        queue,
        retry: { attempts: 2, backoff: () => '1h', never: [RangeError] },
        run: (error: string) => {
          if (error === 'range') throw new RangeError('no');
          if (error === 'type') throw new TypeError('no');
        },
      });
      await work({ queues: { [queue]: 1 } });
      await task.enqueue('none');
      await until('the first look', () => found.length === 1);
      await task.enqueue('range');
      await until('the second look', () => found.length === 2);
      await task.enqueue('type');
      await until('the third look', () => found.length === 3);
      expect(found).toEqual(['succeeded', 'failed', 'retrying']);
      for (const off of offs) off();
    });

    it('change nothing when their listeners throw or reject', async () => {
      const { app, queue, name, work } = stage();
      const after: string[] = [];
      const names: SignalName[] = ['task:enqueued', 'task:started', 'task:succeeded', 'worker:ready', 'worker:draining', 'worker:drained'];
      const offs = names.flatMap((signal) => [
        app.on(signal, () => {
          throw new Error('listener');
        }),
        app.on(signal, () => Promise.reject(new Error('async listener')) as never),
        app.on(signal, () => void after.push(signal)),
      ]);
      const task = app.task(name('calm'), { queue, run: () => 'calm' });
      const worker = await work();
      const handle = await task.enqueue();
      expect(await handle.result()).toBe('calm');
      await until('the last signal of the job', () => after.includes('task:succeeded'));
      await worker.drain();
      expect(after.toSorted()).toEqual(names.toSorted());
      for (const off of offs) off();
    });

    it('stop for a listener that was removed', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('quiet'), { queue, run: () => null });
      let heard = 0;
      const off = app.on('task:enqueued', () => void heard++);
      await task.enqueue();
      off();
      off();
      await task.enqueue();
      expect(heard).toBe(1);
    });

    it('tell the queues of a worker that is ready', async () => {
      const app = withApp(engine);
      app.task('any', { run: () => null });
      const ready = recordSignals(app, 'worker:ready');
      await app.worker({ queues: { a: 1, b: 20 } }).start();
      expect(ready).toEqual([{ queues: { a: 1, b: 20 } }]);
    });
  });
}
