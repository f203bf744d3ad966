import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, recordSignals, stages } from '../testing/with-app.ts';

export function fleetContract(test: TestEngine): void {
  const stage = stages(test);

  describe('the fleet', () => {
    it('answers a ping from any process, all of it or those that are named', async () => {
      const here = stage();
      const [one, two] = [await here.work(), await here.work()];
      const ids = [one, two].map(({ state }) => state.id);
      const { fleet } = elsewhere(test, here.app);
      const { answers, silent } = await fleet.ping();
      expect(answers.map(({ worker }) => worker).toSorted()).toEqual(ids.toSorted());
      expect(answers.every(({ ok, latencyMs }) => ok && latencyMs > 0)).toBe(true);
      expect(silent).toEqual([]);
      expect((await fleet.ping({ worker: two.state.id })).answers.map(({ worker }) => worker)).toEqual([two.state.id]);
    });

    it('pauses a queue on one worker: its jobs run on others, and wait when there is none', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('free'), { queue, run: () => gate.opened });
      const worker = await work({ queues: { [queue]: 1, [`${queue}-b`]: 1 } });
      const { id } = worker.state;
      const { fleet } = elsewhere(test, app);
      const running = await task.enqueue();
      await until('it runs', () => worker.state.running.length === 1);
      expect((await fleet.pause(queue, { worker: id })).answers).toMatchObject([{ worker: id, ok: true }]);
      expect(worker.state.paused).toEqual([queue]);
      const seen = (await fleet.workers()).find((one) => one.id === id);
      expect(seen?.queues).toEqual({
        [queue]: { slots: 1, running: 1, paused: true },
        [`${queue}-b`]: { slots: 1, running: 0, paused: false },
      });
      gate.open();
      await running.result();
      const waits = await task.enqueue();
      expect((await waits.status()).status).toBe('waiting');
      const other = await work({ queues: { [queue]: 1 } });
      await waits.result();
      await other.drain();
      const again = await task.enqueue();
      expect((await fleet.resume(queue)).answers).toMatchObject([{ worker: id, ok: true }]);
      expect(worker.state.paused).toEqual([]);
      await again.result();
    });

    it('pauses a queue for all, those that start later too', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('free'), { queue, run: () => 'done' });
      await work();
      const { fleet } = elsewhere(test, app);
      await fleet.pause(queue);
      const job = await task.enqueue();
      const cancelled = await task.enqueue();
      await work();
      expect(await fleet.cancel(cancelled.id, 'not wanted')).toBe(true);
      expect((await cancelled.status()).status).toBe('cancelled');
      expect((await job.status()).status).toBe('waiting');
      await fleet.resume(queue);
      expect(await job.result()).toBe('done');
    });

    it('resizes a queue on every worker that serves it', async () => {
      const { app, queue, work } = stage();
      const [one, two, other] = [await work(), await work(), await work({ queues: { [`${queue}-b`]: 2 } })];
      const { fleet } = elsewhere(test, app);
      const { answers } = await fleet.resize(queue, 9);
      expect(answers.map(({ worker, ok }) => `${worker} ${ok}`).toSorted()).toEqual(
        [one, two].map(({ state }) => `${state.id} true`).toSorted(),
      );
      expect([one, two, other].map(({ state }) => Object.values(state.queues))).toEqual([[9], [9], [2]]);
      const refused = await fleet.resize(queue, 3, { worker: other.state.id });
      expect(refused.answers).toMatchObject([{ ok: false, error: { code: 'invalid_options' } }]);
      await expect(fleet.resize(`${queue}-c`, 3)).rejects.toMatchObject({ code: 'unknown_worker' });
      await expect(fleet.resize(queue, 0)).rejects.toMatchObject({ code: 'invalid_options' });
    });

    it('drains and shuts down workers, which are told nothing more then', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('held'), { queue, run: () => gate.opened });
      const [one, two] = [await work(), await work({ queues: { [`${queue}-b`]: 1 } })];
      const { fleet } = elsewhere(test, app);
      const job = await task.enqueue();
      await until('it runs', () => one.state.running.length === 1);
      const [worker, second] = [one.state.id, two.state.id];
      expect((await fleet.drain({ worker })).answers).toMatchObject([{ worker, ok: true }]);
      expect((await fleet.workers()).find(({ id }) => id === worker)).toMatchObject({ state: 'draining', runningCount: 1 });
      expect((await fleet.ping({ worker })).answers).toMatchObject([{ worker, ok: true }]);
      const { answers } = await fleet.pause(queue, { worker });
      expect(answers).toMatchObject([{ worker, ok: false, error: { code: 'closed' } }]);
      gate.open();
      await job.result();
      await until('it has gone', async () => (await fleet.workers()).every(({ id }) => id !== worker));
      await expect(fleet.ping({ worker })).rejects.toMatchObject({ code: 'unknown_worker' });
      expect((await fleet.shutdown({ worker: second })).answers).toMatchObject([{ worker: second, ok: true, endsProcess: false }]);
      expect(await two.drain()).toEqual({ orphans: [] });
    });

    it('changes the rate limit of a task on every worker, until that is undone', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('limited'), { queue, rateLimit: { key: () => queue, limit: 1, per: '1h' }, run: () => 'done' });
      const putBack = recordSignals(app, 'task:put-back');
      await work();
      const { fleet } = app;
      await (await task.enqueue()).result();
      await task.enqueue();
      await until('the second must wait for an hour', () => putBack.length === 1);
      await fleet.rateLimit(name('limited'), { limit: 10_000, per: '1s' });
      expect([...(await fleet.rateLimits())]).toContainEqual([name('limited'), { limit: 10_000, perMs: 1000, burst: 10_000 }]);
      // Workers that start later, too.
      await work();
      await Promise.all((await task.enqueueMany(Array.from({ length: 5 }, () => undefined))).map((handle) => handle.result()));
      await fleet.rateLimit(name('limited'), undefined);
      const last = (await task.enqueueMany([undefined, undefined])).map(({ id }) => id);
      await until('one of two must wait again', () => putBack.some(({ id, delayMs }) => last.includes(id) && delayMs > 1_000_000));
      expect((await fleet.rateLimits()).has(name('limited'))).toBe(false);
      app.task(name('unlimited'), { queue, run: () => 'done' });
      await expect(fleet.rateLimit(name('unlimited'), { limit: 1, per: '1s' })).rejects.toMatchObject({ code: 'invalid_options' });
      await expect(fleet.rateLimit('nobody', { limit: 1, per: '1s' })).rejects.toMatchObject({ code: 'unknown_task' });
      await expect(fleet.rateLimit(name('limited'), { limit: 0, per: '1s' })).rejects.toMatchObject({ code: 'invalid_options' });
    });
  });
}
