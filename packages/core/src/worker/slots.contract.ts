import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages, type Stage } from '../testing/with-app.ts';
import { Turnstile } from '../testing/turnstile.ts';

/** Slots of a worker that are more or fewer while it runs. */
export function slotsContract(engine: TestEngine): void {
  const stage = stages(engine);

  function busy({ app, queue, name }: Stage, turnstile: Turnstile, on = queue) {
    return app.task(name('busy'), { queue: on, run: () => turnstile.pass() });
  }

  describe('slots of a worker', () => {
    it('are taken at once when there are more, though none was free', async () => {
      const here = stage();
      const turnstile = new Turnstile();
      const task = busy(here, turnstile);
      const worker = await here.work({ queues: { [here.queue]: 2 } });
      const handles = await task.enqueueMany(Array.from({ length: 7 }, () => undefined));
      await until('its slots are taken', () => turnstile.inside === 2);
      worker.resize(here.queue, 5);
      await until('the new ones are taken', () => turnstile.inside === 5);
      expect(worker.state.queues).toEqual({ [here.queue]: 5 });
      // It has taken no more jobs than it runs: others stay for other workers.
      expect(await here.app.queue(here.queue).getActiveCount()).toBe(5);
      expect(worker.describe().queues).toEqual({ [here.queue]: 5 });
      turnstile.open();
      await Promise.all(handles.map((handle) => handle.result()));
      expect(turnstile.most).toBe(5);
    });

    it('are all taken when there are more while it waits for jobs', async () => {
      const here = stage();
      const turnstile = new Turnstile();
      const task = busy(here, turnstile);
      const worker = await here.work({ queues: { [here.queue]: 1 } });
      worker.resize(here.queue, 3);
      const handles = await task.enqueueMany(Array.from({ length: 5 }, () => undefined));
      await until('its slots are taken', () => turnstile.inside === 3);
      turnstile.open();
      await Promise.all(handles.map((handle) => handle.result()));
      expect(turnstile.most).toBe(3);
    });

    it('are given up by running jobs when they end, and no job starts before', async () => {
      const here = stage();
      const turnstile = new Turnstile();
      const task = busy(here, turnstile);
      const worker = await here.work({ queues: { [here.queue]: 4 } });
      const handles = await task.enqueueMany(Array.from({ length: 6 }, () => undefined));
      await until('its slots are taken', () => turnstile.inside === 4);
      worker.resize(here.queue, 2);
      turnstile.let(2);
      await until('two have ended', async () => (await statuses(handles)).filter((status) => status === 'succeeded').length === 2);
      expect([turnstile.inside, turnstile.entered]).toEqual([2, 4]);
      turnstile.let(1);
      await until('the next one has started', () => turnstile.entered === 5);
      expect(turnstile.inside).toBe(2);
      turnstile.open();
      await Promise.all(handles.map((handle) => handle.result()));
    });

    it('are not exceeded by a job that comes to a fetch which waited for it when they were more', async () => {
      const here = stage();
      const turnstile = new Turnstile();
      const task = busy(here, turnstile);
      const worker = await here.work({ queues: { [here.queue]: 2 } });
      const first = await task.enqueue();
      await until('one of two slots is taken', () => turnstile.inside === 1);
      worker.resize(here.queue, 1);
      const second = await task.enqueue();
      await until('it waits', async () => (await second.status()).status === 'waiting');
      turnstile.let(1);
      await until('it starts when the slot is free', () => turnstile.entered === 2);
      turnstile.open();
      await Promise.all([first.result(), second.result()]);
      expect(turnstile.most).toBe(1);
      expect((await second.status()).attempt).toBe(1);
    });

    it('are left by such a job to another worker at once', async () => {
      const here = stage();
      const turnstile = new Turnstile();
      const task = busy(here, turnstile);
      const worker = await here.work({ queues: { [here.queue]: 2 } });
      await task.enqueue();
      await until('one of two slots is taken', () => turnstile.inside === 1);
      const far = elsewhere(engine, here.app);
      const there = far === here.app ? task : far.task(task.name, { queue: here.queue, run: () => turnstile.pass() });
      const other = far.worker({ queues: { [here.queue]: 2 } });
      await other.start();
      worker.resize(here.queue, 1);
      const handles = await there.enqueueMany([undefined, undefined]);
      await until('both run', () => turnstile.inside === 3, 1000);
      expect(worker.state.running).toHaveLength(1);
      turnstile.open();
      await Promise.all(handles.map((handle) => handle.result()));
      await other.drain();
    });

    it('can be fewer than lanes, and more again', async () => {
      const here = stage();
      const turnstile = new Turnstile();
      const task = busy(here, turnstile);
      const worker = await here.work({ queues: { [here.queue]: 40 } });
      worker.resize(here.queue, 1);
      const handles = await task.enqueueMany(Array.from({ length: 50 }, () => undefined));
      await until('its slot is taken', () => turnstile.inside === 1);
      turnstile.let(1);
      await until('the next one has started', () => turnstile.entered === 2);
      expect(worker.state.lanes.filter(({ fetching }) => fetching)).toEqual([]);
      worker.resize(here.queue, 40);
      await until('the slots are taken', () => turnstile.inside === 40);
      turnstile.open();
      await Promise.all(handles.map((handle) => handle.result()));
      expect(turnstile.most).toBe(40);
    });

    it('can be changed before the start and after the end', async () => {
      const here = stage();
      const turnstile = new Turnstile();
      const task = busy(here, turnstile);
      const worker = here.app.worker({ queues: { [here.queue]: 3 } });
      worker.resize(here.queue, 1);
      const handles = await task.enqueueMany([undefined, undefined]);
      const started = worker.start();
      worker.resize(here.queue, 2);
      await started;
      await until('its slots are taken', () => turnstile.inside === 2);
      const drained = worker.drain();
      worker.resize(here.queue, 4);
      turnstile.open();
      await Promise.all([drained, ...handles.map((handle) => handle.result())]);
      worker.resize(here.queue, 5);
      expect(worker.state).toMatchObject({ phase: 'drained', queues: { [here.queue]: 5 } });
    });
  });
}

function statuses(handles: readonly { status(): Promise<{ readonly status: string }> }[]): Promise<readonly string[]> {
  return Promise.all(handles.map(async (handle) => (await handle.status()).status));
}
