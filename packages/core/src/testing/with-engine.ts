import { afterAll, onTestFinished } from 'vitest';
import type { ActiveJob, Engine, FlowJob, Lane, LaneOptions, Verdict } from '../engine/engine.ts';
import { createEngine } from '../engine/open.ts';
import type { TestEngine } from './engines.ts';
import { deleteKeys, uniqueName } from './with-app.ts';

/** An engine of the suite's own, with nothing above it; gone when the suite ends. */
export function suiteEngine({ kind, url }: TestEngine): Engine {
  const app = uniqueName();
  const engine = openEngine(url, app);
  afterAll(async () => {
    await engine.close();
    if (kind !== 'embedded') await deleteKeys(url, app);
  });
  return engine;
}

/** Nothing is connected yet, and nobody closes it. */
export function openEngine(url: string, app: string): Engine {
  return createEngine({ app, url, connectTimeoutMs: 10_000, tls: undefined, onOpen: () => undefined, onError: () => undefined });
}

/** A job of a flow, with little in it. */
export function flowJob(queue: string, id: string, rest: Partial<FlowJob> = {}): FlowJob {
  return { queue, id, name: 'job', data: '{}', timestamp: Date.now(), ...rest };
}

/** A lane that runs `process`, one job at a time; closed when the test ends. */
export async function work(
  engine: Engine,
  queue: string,
  process: (job: ActiveJob) => Promise<Verdict>,
  options: Partial<LaneOptions> = {},
): Promise<Lane> {
  const lane = engine.lane({
    queue,
    concurrency: 1,
    lockDurationMs: 30_000,
    maxBlockedMs: undefined,
    keepSucceeded: undefined,
    keepFailed: undefined,
    process,
    onError: () => undefined,
    onStalled: () => undefined,
    onLockLost: () => undefined,
    ...options,
  });
  onTestFinished(() => lane.close());
  await lane.ready();
  lane.start();
  return lane;
}

/** Jobs whose ids begin with `fail` fail for good, all others return something of their id. */
export function toVerdict({ id }: Pick<ActiveJob, 'id'>): Promise<Verdict> {
  const verdict: Verdict = id.startsWith('fail')
    ? { kind: 'fail', error: new Error(`${id} failed`) }
    : { kind: 'complete', value: `value of ${id}` };
  return Promise.resolve(verdict);
}
