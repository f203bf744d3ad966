import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages, withApp } from '../testing/with-app.ts';

/** How a worker starts, what it runs and how much at a time, on every engine. */
export function workerContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('worker', () => {
    it.each([1, 3, 40])('runs %i jobs at a time and never more', async (concurrency) => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      let running = 0;
      let most = 0;
      const task = app.task(name('busy'), {
        queue,
        run: async () => {
          most = Math.max(most, ++running);
          await gate.pass();
          running--;
        },
      });
      await work({ queues: { [queue]: concurrency } });
      const handles = await task.enqueueMany(Array.from({ length: concurrency * 2 + 5 }, () => undefined));
      await until('every slot is taken', () => gate.arrived >= concurrency);
      // What would be too much has the time of two further round trips to show.
      await Promise.all(handles.map((handle) => handle.status()));
      expect(gate.arrived).toBe(concurrency);
      gate.open();
      await Promise.all(handles.map((handle) => handle.result()));
      expect(most).toBe(concurrency);
    });

    it('runs several queues, each with its own concurrency', async () => {
      const { app, queue, name, work } = stage();
      const gates = { a: new Gate(), b: new Gate() };
      const [a, b] = (['a', 'b'] as const).map((which) =>
        app.task(name(which), { queue: `${queue}-${which}`, run: () => gates[which].pass() }),
      );
      await work({ queues: { [`${queue}-a`]: 1, [`${queue}-b`]: 2 } });
      const handles = [...(await a!.enqueueMany([undefined, undefined])), ...(await b!.enqueueMany([undefined, undefined, undefined]))];
      await until('slots are taken', () => gates.a.arrived === 1 && gates.b.arrived === 2);
      gates.a.open();
      gates.b.open();
      expect(await Promise.all(handles.map((handle) => handle.result()))).toHaveLength(5);
    });

    it('leaves other queues alone', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('here'), { queue, run: () => 'here' });
      await work();
      const there = await task.enqueue(undefined, { queue: `${queue}-there` });
      expect(await (await task.enqueue()).result()).toBe('here');
      expect((await there.status()).status).toBe('waiting');
    });

    it('hands what startup makes to every handler, and to shutdown at the end', async () => {
      const { app, queue, name, work } = stage();
      const story: string[] = [];
      const task = app.task(name('deps'), { queue, run: (_: undefined, ctx) => (ctx.deps as { pool: string }).pool });
      const worker = await work({
        queues: { [queue]: 1 },
        startup: () => {
          story.push('startup');
          return Promise.resolve({ pool: 'pool' });
        },
        shutdown: (deps) => void story.push(`shutdown ${(deps as { pool: string }).pool}`),
      });
      expect(await (await task.enqueue()).result()).toBe('pool');
      expect(story).toEqual(['startup']);
      await worker.drain();
      expect(story).toEqual(['startup', 'shutdown pool']);
    });

    it('rejects start with the error of startup, and runs nothing', async () => {
      const { app, queue, name } = stage();
      let ran = false;
      const task = app.task(name('never'), { queue, run: () => void (ran = true) });
      const handle = await task.enqueue();
      const worker = app.worker({
        queues: { [queue]: 1 },
        startup: () => Promise.reject(new Error('no pool')),
        shutdown: () => void (ran = true),
      });
      await expect(worker.start()).rejects.toMatchObject({ code: 'startup_failed', cause: { message: 'no pool' } });
      expect(await worker.drain()).toEqual({ orphans: [] });
      expect((await handle.status()).status).toBe('waiting');
      expect(ran).toBe(false);
    });

    it('fetches nothing while startup runs', async () => {
      const { app, queue, name } = stage();
      const gate = new Gate();
      const task = app.task(name('early'), { queue, run: () => 'ran' });
      const handle = await task.enqueue();
      const worker = app.worker({ queues: { [queue]: 1 }, startup: () => gate.pass() });
      const started = worker.start();
      await until('startup runs', () => gate.arrived === 1);
      expect((await handle.status()).status).toBe('waiting');
      gate.open();
      await started;
      expect(await handle.result()).toBe('ran');
      await worker.drain();
    });

    it('takes the queues of its tasks when none are named', async () => {
      const app = withApp(engine);
      app.task('a', { queue: 'first', run: () => null });
      app.task('b', { queue: 'second', run: () => null });
      app.task('c', { run: () => null });
      expect(app.worker().describe().queues).toEqual({ first: 5, second: 5, default: 5 });
      expect(app.worker({ tasks: ['b'] }).describe().queues).toEqual({ second: 5 });
      expect(() => app.worker({ tasks: ['d'] })).toThrow(/no task "d".*a, b, c/u);
      expect(() => app.worker({ queues: { first: 0 } })).toThrow(/queues/u);
      expect(() => app.worker({ queue: {} } as never)).toThrow(/did you mean "queues"/iu);
      expect(() => app.worker({ lockDuration: 10 })).toThrow(/lockDuration/u);
    });

    it('is refused when there is nothing to run', () => {
      expect(() => withApp(engine).worker()).toThrow(/nothing to run/u);
    });

    it('starts once, however often it is told to', async () => {
      const { app, queue, name, work } = stage();
      let startups = 0;
      app.task(name('any'), { queue, run: () => null });
      const worker = await work({ queues: { [queue]: 1 }, startup: () => ++startups });
      await Promise.all([worker.start(), worker.start()]);
      expect(startups).toBe(1);
    });

    it('tells a handler that waits for a result that it would deadlock, however deep', async () => {
      const { app, queue, name, work } = stage();
      const inner = app.task(name('inner'), { queue, run: () => 'inner' });
      const outer = app.task(name('outer'), {
        queue,
        retry: { attempts: 3 },
        run: async (how: 'result' | 'changes') => {
          const handle = await inner.enqueue();
          await Promise.resolve();
          if (how === 'result') return handle.result();
          for await (const { status } of handle.changes()) return status;
          return undefined;
        },
      });
      await work();
      for (const how of ['result', 'changes'] as const) {
        const handle = await outer.enqueue(how);
        await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'DeadlockError', code: 'deadlock' } });
        expect((await handle.status()).attempt).toBe(1);
      }
    });

    it('lets a handler look up the status of another job', async () => {
      const { app, queue, name, work } = stage();
      const inner = app.task(name('inner'), { queue: `${queue}-idle`, run: () => null });
      const outer = app.task(name('outer'), { queue, run: async () => (await (await inner.enqueue()).status()).status });
      await work();
      expect(await (await outer.enqueue()).result()).toBe('waiting');
    });

    it('gives the handler ids, queue and attempt', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('who'), {
        queue,
        run: (_: undefined, { id, name: task, queue: from, attempt, signal }) => ({ id, task, from, attempt, aborted: signal.aborted }),
      });
      await work();
      const handle = await task.enqueue();
      expect(await handle.result()).toEqual({ id: handle.id, task: task.name, from: queue, attempt: 1, aborted: false });
    });

    it('shares one queue between two workers, and each job runs once', async () => {
      const { app, queue, name, work } = stage();
      const runs = new Map<number, number>();
      const count = (n: number): void => void runs.set(n, (runs.get(n) ?? 0) + 1);
      const task = app.task(name('shared'), { queue, run: count });
      await work();
      const second = elsewhere(engine, app);
      if (second !== app) second.task(task.name, { queue, run: count });
      const worker = second.worker({ queues: { [queue]: 5 } });
      await worker.start();
      const inputs = Array.from({ length: 100 }, (_, i) => i);
      await Promise.all((await task.enqueueMany(inputs)).map((handle) => handle.result()));
      expect([...runs.entries()].toSorted(([a], [b]) => a - b)).toEqual(inputs.map((n) => [n, 1]));
      await worker.drain();
    });
  });
}
