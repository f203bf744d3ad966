import { expect, it } from 'vitest';
import type { App } from '../app.ts';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

/** Two attempts at one job that live at once: its lock ended while the first one went on. */
export function liveAttemptsContract(engine: TestEngine): void {
  it('a job that both replace is replaced by what the first one records', async () => {
    const app = withApp(engine);
    const [gates, echo] = [[new Gate(), new Gate()], app.task('echo', { queue: 'work', run: (input: string) => input })];
    let calls = 0;
    const both = app.task('both', {
      queue: 'work',
      run: async (_: unknown, ctx): Promise<unknown> => {
        const call = calls++;
        await gates[call]?.pass();
        return ctx.replace(call === 0 ? chain(echo.si('first'), echo.s()) : group(echo.si('second'), echo.si('second'), echo.si('second')));
      },
    });
    const run = await chain(both.si(undefined), echo.si('after')).enqueue();
    const worker = await startWorker(app, { queues: { work: 5 } });
    await until('the first attempt runs', () => gates[0]?.arrived === 1);
    await takeAway(app, run.member([0]).id);
    await until('the second attempt runs', () => gates[1]?.arrived === 1);
    gates[0]?.open();
    await until('the first attempt has ended', () => worker.state.running.length === 1);
    gates[1]?.open();
    await run.result();
    expect(await run.member([0]).result()).toBe('first');
  });

  it('of two large values the one that is recorded first stays', async () => {
    const app = withApp(engine);
    const [gates, values] = [[new Gate(), new Gate()], ['a', 'b'].map((letter) => letter.repeat(5000))];
    let calls = 0;
    const large = app.task('large', {
      queue: 'work',
      run: async () => {
        const call = calls++;
        await gates[call]?.pass();
        return values[call];
      },
    });
    const letter = app.task('letter', { queue: 'later', run: (input: string | undefined) => input?.[0] });
    const run = await group(chain(large.si(undefined), group(letter.s(), letter.s()))).enqueue();
    const worker = await startWorker(app, { queues: { work: 5 } });
    await until('the first attempt runs', () => gates[0]?.arrived === 1);
    const { id } = run.member([0, 0]);
    await takeAway(app, id);
    await until('the second attempt runs', () => gates[1]?.arrived === 1);
    gates[1]?.open();
    await run.member([0, 0]).result();
    gates[0]?.open();
    await until('both have ended', () => worker.state.running.length === 0);
    const job = await app.queue('work').getJob(id.split('@')[0] as string);
    expect(job?.data).toMatchObject({ c: { out: values[1] } });
    await startWorker(app, { queues: { later: 5 } });
    expect(await run.result()).toEqual([['b', 'b']]);
  });
}

/** As a lock that ends does it: the job waits again, and whoever runs it goes on. */
async function takeAway(app: App, id: string): Promise<void> {
  const [jobId = '', queue = ''] = id.split('@');
  const job = await app.queue(queue).getJob(jobId);
  await job?.moveToWait('0');
}
