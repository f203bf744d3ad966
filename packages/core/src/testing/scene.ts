import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { createApp, type App } from '../app.ts';
import type { RunHandle } from '../canvas/run-handle.ts';
import type { TestEngine } from './engines.ts';
import { tinyTasks, type TinyTasks } from './tiny-tasks.ts';
import { until } from './until.ts';
import { deleteKeys, silent, uniqueName } from './with-app.ts';

/** A second queue that the worker serves. */
export const OTHER = 'other';
/** A queue with priorities that the worker serves. */
export const RANKED = 'ranked';
const WORK = 'work';

/** What one conformance case needs: its own tasks, on an app that works already. */
export interface Scene extends TinyTasks {
  readonly engine: TestEngine;
  /**
   * Resolves when no job of the app waits or runs, and none of this scene is delayed: nothing more comes, so what has not come never will.
   * @param options.delayed - jobs of this scene may be delayed.
   */
  quiet(options?: { readonly delayed: boolean }): Promise<void>;
}

/** One app and one worker for the cases of a suite; every call gives tasks, gates and logs of its own. */
export function scenes(engine: TestEngine): () => Scene {
  let app: App | undefined;
  beforeAll(async () => {
    app = createApp({
      name: uniqueName(),
      url: engine.url,
      logger: silent,
      unknownTaskGrace: 1,
      queues: { [RANKED]: { priorities: true } },
    });
    await app.worker({ queues: { [WORK]: 20, [OTHER]: 2, [RANKED]: 2 } }).start();
  });
  afterAll(async () => {
    if (app === undefined) return;
    await app.close();
    if (engine.kind !== 'embedded') await deleteKeys(engine.url, app.name);
  });
  return () => {
    const open = app as App;
    const tasks = tinyTasks(open, WORK);
    onTestFinished(tasks.openGates);
    return { ...tasks, engine, quiet: (options) => quiet(open, options?.delayed === true ? undefined : tasks.own) };
  };
}

/** @param own - whose delayed jobs count; undefined: nobody's. */
async function quiet(app: App, own: string | undefined): Promise<void> {
  await until('nothing moves', async () =>
    (await Promise.all([WORK, OTHER, RANKED].map((name) => isStill(app, name, own)))).every(Boolean),
  );
}

async function isStill(app: App, name: string, own: string | undefined): Promise<boolean> {
  const queue = app.queue(name);
  const { delayed = 0, ...moving } = await queue.getJobCounts('active', 'waiting', 'prioritized', 'delayed');
  if (Object.values(moving).some((count) => count > 0)) return false;
  return delayed === 0 || own === undefined || (await queue.getDelayed()).every((job) => !job.name.endsWith(own));
}

/** What a run gives. */
export async function resultOf<Out>(run: Promise<Pick<RunHandle<Out>, 'result'>>): Promise<Out> {
  return (await run).result();
}

/** The error that a run ends with. */
export async function failureOf(run: Pick<RunHandle, 'result'>): Promise<unknown> {
  return run.result().then(
    (value) => {
      throw new Error(`The run has succeeded, with ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}

type Path = Parameters<RunHandle['member']>[0];

/** The status of the jobs at these places of the canvas. */
export function statusesOf(run: RunHandle, ...paths: readonly Path[]): Promise<readonly string[]> {
  return Promise.all(paths.map(async (path) => (await run.member(path).status()).status));
}

/** What the job at a place of the canvas gives. */
export async function valueAt(run: RunHandle, path: Path): Promise<unknown> {
  return run.member(path).result();
}
