import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chain } from './canvas/chain.ts';
import { chord } from './canvas/chord.ts';
import { group } from './canvas/group.ts';
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

    it('tell what an enqueue came to, and how many bytes the engine has of it', async () => {
      const { app, queue, name } = stage();
      const created = recordSignals(app, 'task:enqueued');
      const others = recordSignals(app, 'task:not-enqueued');
      const keyed = app.task(name('keyed'), { queue, input: z.string(), idempotency: { key: (text) => text }, run: () => null });
      const single = app.task(name('single'), { queue, unique: { onConflict: 'reject' }, run: () => null });
      await keyed.enqueue('a');
      await keyed.enqueue('a');
      await keyed.enqueue(1 as never).catch(() => undefined);
      await single.enqueue();
      await single.enqueue().catch(() => undefined);
      expect(created.map(({ task }) => task)).toEqual([keyed.name, single.name]);
      const stored = await app.queue(queue).getJob((created[0] as { id: string }).id.split('@')[0] as string);
      expect(created[0]?.bytes).toBe(Buffer.byteLength(JSON.stringify(stored?.data)));
      expect(others.map(({ task, outcome, error }) => [task, outcome, (error as { code?: string } | undefined)?.code])).toEqual([
        [keyed.name, 'deduplicated', undefined],
        [keyed.name, 'rejected', 'invalid_input'],
        [single.name, 'rejected', 'not_unique'],
      ]);
    });

    it('tell what became of an idempotency key', async () => {
      const { app, queue, name, work } = stage();
      const claims = recordSignals(app, 'idempotency:claimed');
      const others = recordSignals(app, 'task:not-enqueued');
      const task = app.task(name('once'), { queue, idempotency: { key: () => 'k' }, run: (text: string) => text });
      const first = await task.enqueue('a');
      await task.enqueue('a');
      await task.enqueue('b').catch(() => undefined);
      await work();
      await first.result();
      await task.enqueue('a');
      expect(claims.map(({ outcome }) => outcome)).toEqual(['new', 'in_progress', 'mismatch', 'replayed']);
      expect(others.map(({ outcome }) => outcome)).toEqual(['deduplicated', 'rejected', 'replayed']);
    });

    it('tell how long a job has waited since it was ready, at its first start only', async () => {
      const { app, queue, name, work } = stage();
      const started = recordSignals(app, 'task:started');
      const task = app.task(name('late'), {
        queue,
        idempotency: 'natural',
        retry: { attempts: 2, backoff: () => 0 },
        run: (_: undefined, ctx) => (ctx.attempt === 1 ? Promise.reject(new Error('once')) : null),
      });
      const join = app.task(name('join'), { queue, run: () => null });
      await app.queue(queue).add(task.name, {}, { timestamp: Date.now() - 60_000, delay: 50_000, attempts: 2 });
      await work({ queues: { [queue]: 1 } });
      await until('it has run twice', () => started.length === 2);
      expect(started[0]?.waitMs).toBeGreaterThanOrEqual(10_000);
      expect(started[0]?.waitMs).toBeLessThan(40_000);
      expect(started[1]?.waitMs).toBeUndefined();
      await (await app.enqueue(group(join.si(undefined), join.si(undefined)).pipe(join.si(undefined)) as never)).result();
      expect(started.slice(2).map(({ waitMs }) => typeof waitMs)).toEqual(['number', 'number', 'undefined']);
    });

    it('tell of a run that has ended, once, and of what kind it was', async () => {
      const { app, queue, name, work } = stage();
      const seen = recordSignals(app, 'canvas:completed');
      const one = app.task(name('one'), { queue, run: (n: number) => n });
      const bad = app.task(name('bad'), { queue, run: () => Promise.reject(new Error('no')) });
      await work();
      const runs = [
        await chain(one.s(), one.s()).enqueue(1),
        await group(one.s(), one.s()).enqueue(1),
        await chord([one.si(1)], bad.si(undefined)).enqueue(),
        await one.map([1, 2]).enqueue(),
      ];
      await Promise.allSettled(runs.map((run) => run.result()));
      await one.enqueue(1).then((handle) => handle.result());
      await until('all are told', () => seen.length === runs.length);
      const told = runs.map(({ id }) => seen.find((event) => event.id === id));
      expect(told.map((event) => [event?.canvas, event?.kind, event?.outcome])).toEqual([
        [one.name, 'chain', 'succeeded'],
        [one.name, 'group', 'succeeded'],
        [bad.name, 'chord', 'failed'],
        [one.name, 'map', 'succeeded'],
      ]);
    });

    it('tell of locks, by what they are of and never by their keys', async () => {
      const { app, queue, name, work } = stage();
      const [acquired, refused, released] = (['lock:acquired', 'lock:refused', 'lock:released'] as const).map((one) =>
        recordSignals(app, one),
      );
      const task = app.task(name('locked'), { queue, lock: { key: () => queue, wait: 'fail' }, run: () => null });
      await work();
      await (await task.enqueue()).result();
      const held = await app.lock(queue);
      await expect((await task.enqueue()).result()).rejects.toMatchObject({ code: 'task_failed' });
      await held.release();
      expect(acquired).toMatchObject([
        { lock: task.name, kind: 'lock' },
        { lock: 'app.lock', kind: 'lock' },
      ]);
      expect(refused).toEqual([{ lock: task.name, kind: 'lock', outcome: 'taken' }]);
      expect(released).toMatchObject([{ lock: task.name }, { lock: 'app.lock' }]);
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
