import { expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { standingStill } from '../testing/standing-still.ts';
import { declareStill } from '../testing/still-tasks.ts';
import { until } from '../testing/until.ts';
import { elsewhere, startWorker, withApp } from '../testing/with-app.ts';

const LIMIT = { timeout: 60_000 };

/** One job, run by a worker after another that has lost it. */
export function twoAttemptsContract(engine: TestEngine): void {
  it('an attempt that has lost its lock publishes nothing: the other one’s value counts', LIMIT, async () => {
    const app = withApp(engine);
    const gate = new Gate();
    const { first, echo } = declareStill(app, () => gate.pass().then(() => 'the other'));
    const still = await standingStill(engine.url, app.name);
    const run = await chain(first.si(undefined), echo.s(), echo.s()).enqueue();
    await still.stands;
    await startWorker(app, { queues: { work: 5 }, lockDuration: 1000 });
    await until('the job is started again', () => gate.arrived === 1);
    still.goOn();
    await still.lost();
    expect((await run.member([1]).status()).status).toBe('parked');
    gate.open();
    expect(await run.result()).toBe('the other');
    expect(await run.member([0]).result()).toBe('the other');
  });

  it('where policies see what follows before it is added, the value on record is the one that was published first', LIMIT, async () => {
    const app = withApp(engine);
    const gate = new Gate();
    const { first, echo } = declareStill(app, () => gate.pass().then(() => 'the other'));
    const still = await standingStill(engine.url, app.name, 'wraps');
    const run = await chain(first.si(undefined), echo.s(), echo.s()).enqueue();
    await still.stands;
    await startWorker(app, { queues: { work: 5 }, lockDuration: 1000 });
    await until('the job is started again', () => gate.arrived === 1);
    still.goOn();
    await until('what follows is there', async () => (await run.member([1]).status()).status !== 'parked');
    gate.open();
    expect(await run.result()).toBe('the one that stood still');
    expect(await run.member([0]).result()).toBe('the one that stood still');
  });

  it('an attempt that has lost its lock, and fails, writes nothing over how the other one has ended it', LIMIT, async () => {
    const app = withApp(engine);
    const { first } = declareStill(app, () => 'the other');
    const still = await standingStill(engine.url, app.name, 'fails');
    const job = await first.enqueue();
    await still.stands;
    await startWorker(app, { queues: { work: 5 }, lockDuration: 1000 });
    expect(await job.result()).toBe('the other');
    const jobIn = () => app.queue('work').getJob(job.id.split('@')[0] ?? '');
    const before = (await jobIn())?.data as unknown;
    still.goOn();
    await still.lost();
    expect((await jobIn())?.data).toEqual(before);
    expect(await app.deadLetters.list()).toMatchObject({ letters: [] });
    expect((await job.status()).status).toBe('succeeded');
  });

  it('does not start again what was running on a worker that died before its run was cancelled', LIMIT, async () => {
    const app = withApp(engine);
    let calls = 0;
    const { first, echo } = declareStill(app, () => `call ${++calls}`);
    const still = await standingStill(engine.url, app.name);
    const run = await chain(first.si(undefined), echo.s(), echo.s()).enqueue();
    await still.stands;
    await still.kill();
    const far = elsewhere(engine, app);
    expect(await far.run(run.id).cancel('not wanted any more')).toBe(true);
    await startWorker(app, { queues: { work: 5 }, lockDuration: 1000 });
    await until('it has ended', async () => ['succeeded', 'cancelled'].includes((await run.member([0]).status()).status));
    expect((await run.member([0]).status()).status).toBe('cancelled');
    expect(calls).toBe(0);
  });
}
