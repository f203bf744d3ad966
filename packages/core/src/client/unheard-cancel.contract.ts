import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { BroadcastFeed } from '../engine/broadcast.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages, type Stage } from '../testing/with-app.ts';

/** Cancelling a run whose last job runs and does not listen, or whose worker does not hear of it. */
export function unheardCancelContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('a run that cancel() said true of does not succeed', () => {
    it.each([
      ['its handler does not listen', false],
      ['the broadcast is lost', true],
    ])('when %s', async (_, isLost) => {
      const { run, gate, calls, after } = await running(stage(), isLost);
      expect(await elsewhere(engine, after.app).run(run.id).cancel('not wanted')).toBe(true);
      gate.open();
      await expect(run.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: 'not wanted' } });
      expect(await run.status()).toMatchObject({ status: 'cancelled' });
      expect(calls()).toBe(1);
    });

    it('when a lone task, or a member, is cancelled, and nobody hears of it', async () => {
      const { app, queue, name, work } = stage();
      loseBroadcasts();
      const gate = new Gate();
      const deaf = app.task(name('deaf'), { queue, run: () => gate.pass().then(() => 1) });
      await work();
      const [alone, both] = await Promise.all([deaf.si().enqueue(), group(deaf.si(), deaf.si()).settle().enqueue()]);
      await until('they run', () => gate.arrived === 3);
      expect(await Promise.all([alone.cancel(), both.member([1]).cancel()])).toEqual([true, true]);
      gate.open();
      await expect(alone.result()).rejects.toMatchObject({ code: 'cancelled' });
      expect((await both.result()).map(({ status }) => status)).toEqual(['succeeded', 'cancelled']);
      expect(gate.arrived).toBe(3);
    });

    it('when it runs for longer than its marker waits, and then tries again', async () => {
      const { app, queue, name, work } = stage();
      loseBroadcasts();
      const gate = new Gate();
      const again = app.task(name('again'), {
        queue,
        retry: { attempts: 3, backoff: () => 0 },
        run: (_: unknown, ctx) => gate.pass().then(() => (ctx.attempt === 1 ? ctx.retry() : 'done')),
      });
      await work();
      const run = await again.si(undefined).enqueue();
      await until('it runs', () => gate.arrived === 1);
      expect(await run.cancel()).toBe(true);
      const [jobId = ''] = run.id.split('@');
      const marker = () => app.queue(queue).getJob(`${jobId}-cancel`);
      await (await marker())?.promote();
      await until('the marker was taken and waits again', async () => (await (await marker())?.getState()) === 'delayed');
      gate.open();
      await expect(run.result()).rejects.toMatchObject({ code: 'cancelled' });
    });
  });

  async function running({ app, queue, name, work }: Stage, isLost: boolean) {
    if (isLost) loseBroadcasts();
    const gate = new Gate();
    let calls = 0;
    const first = app.task(name('first'), { queue, run: () => 1 });
    const last = app.task(name('last'), { queue, run: (n: number) => gate.pass().then(() => n + ++calls) });
    await work();
    const run = await chain(first.si(undefined), last.s()).enqueue();
    await until('the last job runs', () => gate.arrived === 1);
    return { run, gate, calls: () => calls, after: { app } };
  }
}

/** Workers that start from now on hear nothing. */
function loseBroadcasts(): void {
  const hear = vi.spyOn(BroadcastFeed.prototype, 'hear').mockResolvedValue(() => undefined);
  onTestFinished(() => hear.mockRestore());
}
