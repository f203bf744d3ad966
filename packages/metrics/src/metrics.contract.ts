import { chain } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { Gate, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { describe, expect, it } from 'vitest';
import { measure, openStage, samples, scrape, work } from './testing/stage.ts';

/** The numbers are those of the load, on every engine. */
export function metricsContract(engine: TestEngine): void {
  const stage = openStage(engine);

  describe('metrics', () => {
    it('count enqueues and attempts of this process, and know a task before its first job', async () => {
      const { app } = stage;
      const queue = uniqueName();
      const metrics = measure(app, { errors: ['RangeError'] });
      const task = app.task(`task-${queue}`, {
        queue,
        idempotency: { key: (n: number) => String(n) },
        retry: { attempts: 2, backoff: () => 0, never: [RangeError] },
        run: (n: number, ctx) => {
          if (n === 0) throw new RangeError('never');
          if (n === 1 && ctx.attempt === 1) throw new TypeError('once');
          return n;
        },
      });
      await work(app, queue);
      const before = await scrape(metrics);
      const own = [`queue="${queue}"`, `task="${task.name}"`];
      expect(samples(before, 'task_attempts_total', ...own, 'outcome="failed"')).toEqual([
        `{queue="${queue}",task="${task.name}",outcome="failed"} 0`,
      ]);
      expect(samples(before, 'task_in_progress', ...own)).toHaveLength(1);
      const handles = await task.enqueueMany([0, 1, 2, 3]);
      await Promise.allSettled(handles.map((handle) => handle.result()));
      await task.enqueue(3);
      const after = async (): Promise<readonly number[]> => {
        const text = await scrape(metrics);
        const value = (family: string, label: string): number =>
          Number(
            samples(text, family, ...own, `"${label}"`)[0]
              ?.split(' ')
              .at(-1) ?? -1,
          );
        return [
          ...['created', 'replayed', 'deduplicated'].map((outcome) => value('task_enqueued_total', outcome)),
          ...['succeeded', 'retrying', 'failed'].map((outcome) => value('task_attempts_total', outcome)),
          ...['succeeded', 'retrying', 'failed'].map((outcome) => value('task_duration_seconds_count', outcome)),
          ...['RangeError', 'other'].map((error) => value('task_errors_total', error)),
          value('task_queue_wait_seconds_count', queue),
          value('task_payload_bytes_count', queue),
        ];
      };
      const expected = [4, 1, 0, 3, 1, 1, 3, 1, 1, 1, 1, 4, 4].join();
      await until('all is counted', async () => (await after()).join() === expected);
      expect((await after()).join()).toBe(expected);
    });

    it('show what the engine holds, the same from every reader', async () => {
      const { app } = stage;
      const queue = uniqueName();
      const gate = new Gate();
      const task = app.task(`gated-${queue}`, { queue, run: (fails: boolean) => (fails ? Promise.reject(new Error('no')) : gate.pass()) });
      const worker = await work(app, queue, 1);
      await Promise.allSettled([await task.enqueue(true)].map((handle) => handle.result()));
      const running = await task.enqueue(false);
      await until('it runs', () => gate.arrived === 1);
      await task.enqueue(false);
      await task.enqueue(false, { delay: '1h' });
      const readers = [measure(app, { collect: 'cluster', queues: [queue] }), measure(app, { collect: 'cluster', queues: [queue] })];
      const [one, other] = (await Promise.all(readers.map((reader) => scrape(reader)))) as [string, string];
      const values = (text: string, family: string): object =>
        Object.fromEntries(
          samples(text, family).map((line) => [
            /(?:state|outcome)="(?<name>\w+)"/u.exec(line)?.groups?.['name'] ?? '',
            Number(line.split(' ').at(-1)),
          ]),
        );
      expect(values(one, 'queue_jobs')).toEqual({ waiting: 1, prioritized: 0, delayed: 1, active: 1, parked: 0, completed: 0, failed: 1 });
      expect(values(one, 'queue_jobs_finished_total')).toEqual({ completed: 0, failed: 1 });
      expect(values(one, 'queue_backlog_jobs')).toEqual({ '': 2 });
      expect([values(one, 'dead_letter_jobs'), values(one, 'store_up'), values(one, 'store_eviction_safe')]).toEqual([
        { '': 1 },
        { '': 1 },
        { '': 1 },
      ]);
      expect(samples(one, 'queue_jobs')).toEqual(samples(other, 'queue_jobs'));
      expect(one).not.toContain('task_attempts_total');
      await until('the worker is registered', async () =>
        (await scrape(readers[0] as never)).includes(`queue_capacity_slots{queue="${queue}"} 1`),
      );
      const scale = await readers[0]?.handler(new Request(`http://localhost/autoscale/${queue}?target=1`));
      expect(await scale?.json()).toMatchObject({
        queue,
        backlog: 2,
        active: 1,
        workers: 1,
        slots: 1,
        target: 1,
        replicas: 2,
        paused: false,
      });
      gate.open();
      await running.result();
      await worker.drain();
    });

    it('count a run once, and what locks and keys came to', async () => {
      const { app } = stage;
      const queue = uniqueName();
      const metrics = measure(app);
      const task = app.task(`step-${queue}`, { queue, lock: { key: () => queue }, run: (n: number) => n });
      await work(app, queue, 1);
      await (await chain(task.s(), task.s(), task.s()).enqueue(1)).result();
      const own = (text: string, family: string, ...more: readonly string[]): readonly string[] =>
        samples(text, family, task.name, ...more);
      await until('the run is counted', async () => own(await scrape(metrics), 'canvas_completed_total').length === 1);
      const text = await scrape(metrics);
      expect(own(text, 'canvas_completed_total')).toEqual([`{canvas="${task.name}",kind="chain",outcome="succeeded"} 1`]);
      expect(own(text, 'lock_acquisitions_total')).toEqual([`{lock="${task.name}",outcome="acquired"} 3`]);
      expect(own(text, 'lock_hold_seconds_count')).toEqual([`{lock="${task.name}"} 3`]);
      expect(own(text, 'task_attempts_total', 'succeeded')).toEqual([`{queue="${queue}",task="${task.name}",outcome="succeeded"} 3`]);
    });
  });
}
