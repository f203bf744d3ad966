import type { Job } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import type { App } from '../app.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages } from '../testing/with-app.ts';

/** What somebody does to jobs of Oxbow's with BullMQ alone, as dashboards do. */
export function byHandContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('jobs that BullMQ alone is told to', () => {
    it('promote start before their time', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('later'), { queue, run: (n: number) => n + 1 });
      await work();
      const handle = await task.enqueue(1, { delay: '1h' });
      await (await jobOf(app, handle.id)).promote();
      expect(await handle.result()).toBe(2);
    });

    it('hold, with their queue, wait until it is resumed; one that is removed meanwhile does not run, and frees its idempotency key', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('held'), { queue, idempotency: { key: (n: number) => `${n}` }, run: (n: number) => n + 1 });
      const other = app.task(name('other'), { queue: `${queue}-other`, run: () => 'ran' });
      await work({ queues: { [queue]: 1, [other.queue]: 1 } });
      await app.queue(queue).pause();
      const [first, second] = [await task.enqueue(1), await task.enqueue(2)];
      expect(await (await other.enqueue()).result()).toBe('ran');
      expect([(await first.status()).status, (await second.status()).status]).toEqual(['waiting', 'waiting']);
      await (await jobOf(app, second.id)).remove();
      await app.queue(queue).resume();
      expect(await first.result()).toBe(2);
      await expect(second.status()).rejects.toMatchObject({ code: 'unknown_job' });
      expect(await (await task.enqueue(2)).result()).toBe(3);
    });

    it('retry run again, and what they come to then is what their idempotency key stands for', async () => {
      const { app, queue, name, work } = stage();
      let broken = true;
      let runs = 0;
      const task = app.task(name('keyed'), {
        queue,
        idempotency: { key: (order: string) => order },
        run: () => {
          runs++;
          if (broken) throw new Error('broken');
          return 'paid';
        },
      });
      await work();
      const handle = await task.enqueue('42');
      await expect(handle.result()).rejects.toMatchObject({ code: 'task_failed' });
      broken = false;
      await (await jobOf(app, handle.id)).retry();
      await until('it has succeeded', async () => (await handle.status()).status === 'succeeded');
      const again = await task.enqueue('42');
      expect([again.created, again.id, await again.result(), runs]).toEqual([false, handle.id, 'paid', 2]);
    });

    it('make by a schedule run, their data being the input', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('tick'), {
        queue,
        run: ({ n }: { readonly n: number }) => {
          if (failed.length === 0) throw new Error('the first time');
          return n + 1;
        },
      });
      const done = recordSignals(app, 'task:succeeded');
      const failed = recordSignals(app, 'task:dead-lettered');
      await work();
      await app.queue(queue).upsertJobScheduler('tick', { every: 50 }, { name: task.name, data: { n: 1 } });
      await until('it has run twice', () => done.length > 1);
      expect(await app.queue(queue).getJobSchedulersCount()).toBe(1);
      await app.queue(queue).removeJobScheduler('tick');
      expect(await app.handle(done[0]?.id ?? '').result()).toBe(2);
      expect(await (await app.deadLetters.replay(failed[0]?.id ?? '')).result()).toBe(2);
    });

    it('retry in a failed run go on with it: first what failed, then the run’s last job', async () => {
      const { app, queue, name, work } = stage();
      let broken = true;
      const ran: string[] = [];
      const a = app.task(name('a'), { queue, run: (n: number) => n });
      const b = app.task(name('b'), {
        queue,
        run: (n: number) => {
          if (broken) throw new Error('broken');
          return n + 1;
        },
      });
      const c = app.task(name('c'), { queue, run: (n: number) => n + 2 });
      const d = app.task(name('d'), { queue, run: (all: readonly number[]) => (ran.push('d'), all) });
      await work();
      const run = await chain(a.s(), group(b.s(), c.s()), d.s()).enqueue(1);
      await expect(run.result()).rejects.toMatchObject({ code: 'task_failed' });
      const ended = recordSignals(app, 'task:failed');
      await (await jobOf(app, run.id)).retry();
      await until('it has failed again', () => ended.length === 1);
      broken = false;
      const member = run.member([1, 0]);
      await until('the end is there', async () => (await jobOf(app, run.id)).isFailed());
      await (await jobOf(app, member.id)).retry();
      await until('the member has succeeded', async () => (await member.status()).status === 'succeeded');
      expect([(await run.status()).status, ran]).toEqual(['failed', []]);
      await (await jobOf(app, run.id)).retry();
      await until('the run has succeeded', async () => (await run.status()).status === 'succeeded');
      expect([await run.result(), ran]).toEqual([[2, 3], ['d']]);
      expect((await app.deadLetters.list({ queue })).letters).toEqual([]);
    });
  });
}

async function jobOf(app: App, publicId: string): Promise<Job> {
  const [id = '', queue = ''] = publicId.split('@');
  const job = await app.queue(queue).getJob(id);
  if (job === undefined) throw new Error(`no job ${publicId}`);
  return job;
}
