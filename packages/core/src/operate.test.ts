import { expect, it } from 'vitest';
import { operate } from './operate.ts';
import { onEmbedded, onRedis, type TestEngine } from './testing/engines.ts';
import { Gate } from './testing/gate.ts';
import { until } from './testing/until.ts';
import { recordSignals, withApp } from './testing/with-app.ts';

function operateContract(engine: TestEngine): void {
  it('shows the engine, and a worker from its start to its end', async () => {
    const app = withApp(engine);
    const operation = operate(app);
    const gate = new Gate();
    const task = app.task('gated', { queue: 'work', run: () => gate.pass() });
    expect(operation.app).toBe(app.name);
    expect(operation.workers()).toEqual([]);
    await app.ready();
    expect(operation.engine()).toMatchObject({ kind: engine.kind, connected: engine.kind === 'redis' ? true : undefined });
    const worker = app.worker({ queues: { work: 2 }, drain: { soft: '2s', hard: '1s' } });
    expect(operation.workers()).toMatchObject([{ phase: 'new', queues: { work: 2 }, lanes: [], running: [] }]);
    expect(operation.worker(worker).drain).toEqual({ softMs: 2000, hardMs: 1000, endsAt: undefined });
    await worker.start();
    const handle = await task.enqueue();
    await until('it runs', () => gate.arrived === 1);
    await until('a fetch was answered', () => operation.worker(worker).lanes[0]?.fetched);
    const [state] = operation.workers();
    expect(state).toMatchObject({
      phase: 'running',
      lanes: [{ queue: 'work', running: 1, fetching: true, stuck: false }],
      running: [{ id: handle.id, task: 'gated', queue: 'work', attempt: 1 }],
      clockSkewed: false,
    });
    expect(state?.running[0]?.runningMs).toBeGreaterThanOrEqual(0);
    const draining = worker.drain();
    expect(operation.workers()).toMatchObject([{ phase: 'draining' }]);
    expect(Math.abs(Number(operation.worker(worker).drain.endsAt) - Date.now() - 3000)).toBeLessThan(500);
    gate.open();
    await draining;
    expect(operation.workers()).toMatchObject([{ phase: 'drained', running: [], lanes: [{ fetching: false }] }]);
  });

  it('hears the signals of the app, until it is told to stop', async () => {
    const app = withApp(engine);
    const seen: string[] = [];
    const stop = operate(app).on('task:enqueued', ({ task }) => seen.push(task));
    const task = app.task('heard', { run: () => null });
    await task.enqueue();
    stop();
    await task.enqueue();
    expect(seen).toEqual(['heard']);
  });

  it('tells when the event loop stood still, and who ran then', async () => {
    const app = withApp(engine);
    const blocked = recordSignals(app, 'worker:blocked');
    const task = app.task('blocking', {
      run: () => {
        const end = performance.now() + 1500;
        while (performance.now() < end);
      },
    });
    await app.worker().start();
    const handle = await task.enqueue();
    await until('it is told', () => blocked.length > 0);
    expect(blocked[0]?.jobs).toEqual([{ id: handle.id, task: 'blocking' }]);
    expect(blocked[0]?.ms).toBeGreaterThanOrEqual(1000);
    expect(operate(app).workers()[0]?.eventLoop.maxMs).toBeGreaterThanOrEqual(1000);
  });
}

onEmbedded(operateContract);
onRedis(operateContract);

it('takes an app and its workers, and nothing else', () => {
  expect(() => operate({} as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  const app = withApp({ kind: 'embedded', url: 'embedded:' });
  app.task('task', { run: () => null });
  const others = withApp({ kind: 'embedded', url: 'embedded:' });
  expect(operate(app).worker(app.worker()).phase).toBe('new');
  expect(() => operate(others).worker(app.worker())).toThrow(expect.objectContaining({ code: 'invalid_options' }));
});
