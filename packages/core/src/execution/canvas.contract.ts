import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import type { RunStatus } from '../canvas/run-handle.ts';
import type { Signature } from '../canvas/signature.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages } from '../testing/with-app.ts';

/** What a worker and a handle do for runs, beside what canvases mean (conformance/). */
export function canvasContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('a run', () => {
    it('gives its result by its id, from another app', async () => {
      const { app, queue, name, work } = stage();
      const plus = app.task(name('plus'), { queue, run: ({ x, y }: { readonly x: number; readonly y: number }) => x + y });
      const run = await chain(plus.si({ x: 1, y: 2 }), group(plus.s({ y: 10 }).receive('x'), plus.s({ y: 20 }).receive('x'))).enqueue();
      const far = elsewhere(engine, app).run<number[]>(run.id);
      const result = far.result();
      await work();
      expect(await result).toEqual([13, 23]);
      expect(await far.status()).toMatchObject({ id: run.id, status: 'succeeded', counts: { succeeded: 3, skipped: 0 } });
      const tree = await far.tree();
      expect(tree.finishedAt?.getTime()).toBeGreaterThanOrEqual(tree.startedAt?.getTime() ?? Infinity);
      expect(tree).toMatchObject({
        type: 'chain',
        status: 'succeeded',
        children: [
          { type: 'task', task: plus.name },
          { type: 'group', children: [{ status: 'succeeded' }, { status: 'succeeded' }] },
        ],
      });
      expect(await far.member([1, 0]).result()).toBe(13);
    });

    it('shows its changes until it has ended', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const wait = app.task(name('wait'), { queue, run: () => gate.pass().then(() => 1) });
      const next = app.task(name('next'), { queue, run: (n: number) => n });
      const run = await chain(wait.s(), next.s()).enqueue();
      const seen: RunStatus[] = [];
      const watching = (async () => {
        for await (const change of run.changes()) {
          seen.push(change);
          if (change.counts.started === 1) gate.open();
        }
      })();
      await until('the first status', () => seen.length === 1);
      await work();
      await watching;
      expect(seen[0]).toMatchObject({ status: 'waiting', counts: { waiting: 1, parked: 1 } });
      expect(seen.at(-1)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    });

    it('of one job is a run too', async () => {
      const { app, queue, name, work } = stage();
      const one = app.task(name('one'), { queue, run: (n: number) => n });
      const run = await one.si(5).enqueue();
      await work();
      expect(await app.run(run.id).result()).toBe(5);
      expect(await app.run(run.id).status()).toMatchObject({ status: 'succeeded', counts: { succeeded: 1 } });
    });

    it('that expires is ended with all that it still has', async () => {
      const { app, queue, name, work } = stage();
      const polite = app.task(name('polite'), {
        queue,
        run: (_: undefined, ctx) =>
          new Promise<number>((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))),
      });
      const next = app.task(name('next'), { queue, run: (n: number) => n });
      await work();
      const run = await chain(polite.si(), next.s()).enqueue(undefined, { expires: 500 });
      await expect(run.result()).rejects.toMatchObject({ code: 'expired' });
      await until('its step has ended', async () => (await run.member([0]).status()).status === 'expired');
      expect(await run.status()).toMatchObject({ status: 'expired' });
    });

    it('goes on with a large value that several jobs take', async () => {
      const { app, queue, name, work } = stage();
      const large = app.task(name('large'), { queue, run: () => ({ text: 'x'.repeat(20_000) }) });
      const length = app.task(name('length'), { queue, run: ({ text }: { readonly text: string }) => text.length });
      await work();
      expect(await (await chain(large.si(), group(length.s(), length.s())).enqueue()).result()).toEqual([20_000, 20_000]);
    });

    it('waits with a join that has a delay of its own until it is released, and then that long', async () => {
      const { app, queue, name, work } = stage();
      const times: number[] = [];
      const note = app.task(name('note'), { queue, run: () => void times.push(Date.now()) });
      await work();
      await (await chain(group(note.si(), note.si()), note.si().with({ delay: 400 })).enqueue()).result();
      expect((times[2] ?? 0) - Math.max(times[0] ?? 0, times[1] ?? 0)).toBeGreaterThanOrEqual(400);
    });

    it('cancels the rest of a group that has failed when it says so', async () => {
      const { app, queue, name, work } = stage();
      const ran: string[] = [];
      const fail = app.task(name('fail'), { queue, run: () => Promise.reject(new Error('no')) });
      const later = app.task(name('later'), { queue, run: () => void ran.push('later') });
      await work();
      const run = await group(fail.si(), later.si().with({ delay: '1h' }))
        .cancelRest()
        .enqueue();
      await expect(run.result()).rejects.toMatchObject({ code: 'task_failed', task: fail.name });
      await until('the other is cancelled', async () => (await run.member([1]).status()).status === 'cancelled');
      expect(ran).toEqual([]);
    });
  });

  describe('a run that is tried again', () => {
    it('takes the values of all that succeeded, and runs the rest', async () => {
      const { app, queue, name, work } = stage();
      const ran: string[] = [];
      let broken = true;
      const step = app.task(name('step'), {
        queue,
        run: ({ id, value }: { readonly id: string; readonly value: unknown }) => {
          ran.push(id);
          if (id === 'weak' && broken) throw new Error('broken');
          return `${id}(${String(value)})`;
        },
      });
      const receiving = (id: string): Signature<unknown, string> => step.s({ id }).receive('value');
      await work();
      const canvas = chain(
        receiving('a'),
        group(receiving('b'), chain(receiving('c'), receiving('weak'), receiving('d'))),
        receiving('e'),
        group(receiving('f'), receiving('g')),
      );
      const run = await canvas.enqueue(1);
      await expect(run.result()).rejects.toMatchObject({ code: 'task_failed', cause: { message: 'broken' } });
      await until('all that can run has run', () => ran.length === 4);
      await until('nothing runs', async () => (await run.status()).counts.started === 0);
      broken = false;
      const again = await app.run(run.id).retryFailed();
      expect((await run.retryFailed()).id).toBe(again.id);
      const joined = 'e(b(a(1)),d(weak(c(a(1)))))';
      expect(await again.result()).toEqual([`f(${joined})`, `g(${joined})`]);
      expect(ran.slice(4).toSorted((a, b) => a.localeCompare(b))).toEqual(['d', 'e', 'f', 'g', 'weak']);
      expect(await again.status()).toMatchObject({ status: 'succeeded', counts: { succeeded: 8 } });
      await expect(again.retryFailed()).rejects.toMatchObject({ code: 'invalid_options' });
    });

    it('runs a join alone whose members had all succeeded', async () => {
      const { app, queue, name, work } = stage();
      let broken = true;
      const one = app.task(name('one'), { queue, run: () => 1 });
      const sum = app.task(name('sum'), {
        queue,
        run: (list: readonly number[]) => {
          if (broken) throw new Error('broken');
          return list.reduce((a, b) => a + b, 0);
        },
      });
      const same = app.task(name('same'), { queue, run: (n: number) => n });
      await work();
      const run = await chain(group(one.si(), one.si()), sum.s(), same.s()).enqueue();
      await expect(run.result()).rejects.toMatchObject({ code: 'task_failed' });
      broken = false;
      expect(await (await run.retryFailed()).result()).toBe(2);
    });
  });

  describe('ctx.enqueue', () => {
    it('adds a job and a canvas once, however often its job is retried', async () => {
      const { app, queue, name, work } = stage();
      const ran: number[] = [];
      const note = app.task(name('note'), { queue, run: (n: number) => void ran.push(n) });
      const ids: string[][] = [];
      const parent = app.task(name('parent'), {
        queue,
        retry: { attempts: 3, backoff: () => 0 },
        run: async (_: undefined, ctx) => {
          const job = await ctx.enqueue(note, 1, { delay: 1 });
          const run = await ctx.enqueue(chain(note.si(2), note.si(3)));
          ids.push([job.id, run.id]);
          if (ctx.attempt < 3) throw new Error('again');
          return [job.id, run.id] as const;
        },
      });
      await work();
      const [job, run] = await (await parent.enqueue()).result();
      await Promise.all([app.handle(job).result(), app.run(run).result()]);
      expect(new Set(ids.map(String)).size).toBe(1);
      expect(ran.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    });
  });
}
