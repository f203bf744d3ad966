import { expect, it, onTestFinished } from 'vitest';
import type { App } from '../app.ts';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import type { RunHandle } from '../canvas/run-handle.ts';
import type { Signature } from '../canvas/signature.ts';
import type { CanvasFailure } from '../canvas/tree.ts';
import type { Task } from '../client/task.ts';
import type { Engine, JobPlace } from '../engine/engine.ts';
import { cancel, cancellationsOf, markerId } from '../policies/run-cancellation.ts';
import { parsePublicId } from '../task/id.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';
import { openEngine } from '../testing/with-engine.ts';

const ENDING = { end: 'cancelled', reason: 'not wanted any more' } as const;

/** A cancel that its run is faster than: it ends by itself when the marker of the cancel is there already. */
export function cancelledLateContract(engine: TestEngine): void {
  it('a run that fails meanwhile has failed: its members go on, and its error handler runs', async () => {
    const { app, gate, alarms, waits, later, alarm } = await stage(engine);
    const run = await group([waits.si('fails'), later])
      .onError(alarm.s())
      .enqueue();
    await until('the member runs', () => gate.arrived === 1);
    const slow = pausing(openOwn(engine, app), run, async () => {
      gate.open();
      await run.result().catch(() => undefined);
    });
    expect(await cancel(slow, placeOf(run), ENDING)).toBe(false);
    expect((await run.status()).status).toBe('failed');
    expect((await run.member([1]).status()).status).toBe('delayed');
    await until('the error handler has run', () => alarms.length === 1);
  });

  it('a run that succeeds meanwhile has succeeded: its link goes on', async () => {
    const { app, gate, waits, later } = await stage(engine);
    const run = await chain(waits.si('succeeds')).link(later).enqueue();
    await until('its last job runs', () => gate.arrived === 1);
    const own = openOwn(engine, app);
    const slow = pausing(own, run, async () => {
      gate.open();
      await run.result();
    });
    expect(await cancel(slow, placeOf(run), ENDING)).toBe(false);
    const { queue, id } = placeOf(run);
    expect((await own.find(queue, `${id}l0`))?.state).toBe('delayed');
  });

  it.each(['succeeds', 'fails'] as const)(
    'once it was said so, a run is cancelled, though its last job %s on a worker that was told nothing',
    async (how) => {
      const { app, gate, alarms, waits, later, alarm } = await stage(engine);
      const run = await chain(waits.si(how)).link(later).onError(alarm.s()).enqueue();
      const own = openOwn(engine, app);
      own.broadcast = () => Promise.resolve();
      await until('its last job runs', () => gate.arrived === 1);
      const { queue, id } = placeOf(run);
      expect(await cancel(own, { queue, id }, ENDING)).toBe(true);
      gate.open();
      await expect(run.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: ENDING.reason } });
      expect((await run.status()).status).toBe('cancelled');
      expect([await own.find(queue, `${id}l0`), alarms, gate.arrived]).toEqual([undefined, [], 1]);
      expect(await cancel(own, { queue, id }, ENDING)).toBe(false);
    },
  );

  it('while its last job has not ended as cancelled, that job alone is told', async () => {
    const { app, later } = await stage(engine);
    const run = await group([later, later]).enqueue();
    const own = openOwn(engine, app);
    const place = placeOf(run);
    const data = JSON.stringify({ $ox: 1, in: { ...ENDING, ...place } });
    const marker = { queue: place.queue, id: markerId(place.id), name: 'oxbow.cancel', data, timestamp: Date.now(), delayMs: 3_600_000 };
    await own.addFlow([{ ...marker, parent: place }]);
    expect(await cancellationsOf(own, [place])).toEqual([{ id: place.id, ...ENDING, undecided: true }]);
    expect(await run.cancel(ENDING.reason)).toBe(true);
    await until('all of it has ended', async () => (await run.status()).counts.cancelled === 2);
    expect(await cancellationsOf(own, [place])).toEqual([{ id: place.id, ...ENDING }]);
  });
}

interface Stage {
  readonly app: App;
  readonly gate: Gate;
  readonly alarms: readonly unknown[];
  /** Its handler waits at the gate. */
  readonly waits: Task<'fails' | 'succeeds', string>;
  /** In an hour. */
  readonly later: Signature<unknown, string>;
  readonly alarm: Task<CanvasFailure, void>;
}

async function stage(engine: TestEngine): Promise<Stage> {
  const app = withApp(engine);
  const gate = new Gate();
  const alarms: unknown[] = [];
  const waits = app.task('waits', {
    queue: 'work',
    run: async (how: 'fails' | 'succeeds') => {
      await gate.pass();
      if (how === 'fails') throw new Error(how);
      return how;
    },
  });
  const later = app
    .task('later', { queue: 'work', run: () => 'later' })
    .si(undefined)
    .with({ delay: '1h' });
  const alarm = app.task('alarm', { queue: 'work', run: (failure: CanvasFailure) => void alarms.push(failure) });
  await startWorker(app, { queues: { work: 5 } });
  return { app, gate, alarms, waits, later, alarm };
}

/** Of a process that cancels. */
function openOwn(engine: TestEngine, app: App): Engine {
  const own = openEngine(engine.url, app.name);
  onTestFinished(() => own.close());
  return own;
}

/** Who cancels the run stands still, when the marker is there and has not ended, for so long as `meanwhile` takes. */
function pausing(engine: Engine, run: RunHandle, meanwhile: () => Promise<unknown>): Engine {
  const end = engine.end.bind(engine);
  engine.end = async (place, ...rest) => {
    if (place.id === markerId(placeOf(run).id)) await meanwhile();
    return end(place, ...rest);
  };
  return engine;
}

function placeOf(run: RunHandle): JobPlace {
  const { jobId, queue } = parsePublicId(run.id);
  return { queue, id: jobId };
}
