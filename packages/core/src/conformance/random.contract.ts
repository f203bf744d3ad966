import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunHandle } from '../canvas/run-handle.ts';
import { interpret } from '../canvas/testing/interpreter.ts';
import { PretendTasks, withoutErrors } from '../canvas/testing/pretend-tasks.ts';
import { randomTree } from '../canvas/testing/random-tree.ts';
import type { Tree } from '../canvas/tree.ts';
import type { Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';

/** More by hand: `OXBOW_RUNS=500 OXBOW_SEED=7 npm test -- conformance -t random`. */
const RUNS = Number(process.env['OXBOW_RUNS'] ?? 15);
const SEED = Number(process.env['OXBOW_SEED'] ?? 4);
const START = { start: 1 };
const DEADLINE_MS = 30_000 + RUNS * 3000;

/** Random canvases on a real engine, against what they mean. */
export function randomCases(scene: () => Scene): void {
  describe('also: random canvases', () => {
    it(
      'run the tasks that they should, on the input that they should, and give what they should',
      async () => {
        const stage = scene();
        for (const tree of trees(stage, SEED)) await named(tree, () => assertSame(stage, tree));
      },
      DEADLINE_MS,
    );

    it(
      'end as a whole when they are cancelled, whatever has run by then',
      async () => {
        const stage = scene();
        for (const [index, tree] of trees(stage, SEED + 1).entries()) await named(tree, () => assertCancellable(stage, tree, index % 5));
      },
      DEADLINE_MS,
    );

    it(
      'end when one of their jobs is cancelled',
      async () => {
        const stage = scene();
        for (const [index, tree] of trees(stage, SEED + 2).entries()) await named(tree, () => assertMemberCancellable(stage, tree, index));
      },
      DEADLINE_MS,
    );
  });
}

/** A task of the canvas, by its place; undefined where there is none. */
function somewhere(tree: Tree, choice: number): readonly (number | 'header' | 'body')[] | undefined {
  const deeper = (parts: readonly Tree[]): readonly (number | 'header' | 'body')[] | undefined => {
    const at = choice % Math.max(1, parts.length);
    const part = parts[at];
    const inside = part === undefined ? undefined : somewhere(part, choice + 1);
    return inside === undefined ? undefined : [at, ...inside];
  };
  switch (tree.type) {
    case 'task':
      return [];
    case 'chain':
      return deeper(tree.steps);
    case 'group':
      return deeper(tree.members);
    case 'chord': {
      const part = choice % 2 === 0 ? 'header' : 'body';
      const inside = somewhere(tree[part], choice + 1);
      return inside === undefined ? undefined : [part, ...inside];
    }
  }
}

/** Their tasks have names of this scene alone. */
function trees({ own }: Scene, seed: number): readonly Tree[] {
  return fc.sample(randomTree, { numRuns: RUNS, seed }).map((tree, index) => renamed(tree, `-${seed}-${index}-${own}`));
}

/** The canvas is in the error. */
async function named(tree: Tree, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw new Error(JSON.stringify(tree), { cause: error });
  }
}

async function assertSame(scene: Scene, tree: Tree): Promise<void> {
  const [meant, done] = [new PretendTasks(), new PretendTasks()];
  const expected = interpret(tree, (name, input) => meant.run(name, input), START);
  const run = await enqueue(scene, tree, (name, input) => done.run(name, input));
  const ended = await endOf(run);
  await scene.quiet();
  if (expected.ok) expect(withoutErrors(ended)).toEqual(withoutErrors({ value: expected.value ?? null }));
  else expect(expected.why).toContain(whyOf(ended));
  expect(done.ran.toSorted()).toEqual(meant.ran.toSorted());
  await assertNothingOpen(run);
}

async function assertMemberCancellable(scene: Scene, tree: Tree, choice: number): Promise<void> {
  const path = somewhere(tree, choice);
  if (path === undefined) return;
  const done = new PretendTasks();
  const run = await enqueue(scene, tree, (name, input) => done.run(name, input));
  await run
    .member(path)
    .cancel('not needed')
    .catch((error: unknown) => {
      if ((error as { readonly code?: string }).code !== 'not_published') throw error;
    });
  await endOf(run);
  await scene.quiet();
  await assertNothingOpen(run);
}

async function assertCancellable(scene: Scene, tree: Tree, ran: number): Promise<void> {
  const [meant, done] = [new PretendTasks(), new PretendTasks()];
  const natural = interpret(tree, (name, input) => meant.run(name, input), START).ok ? 'succeeded' : 'failed';
  const run = await enqueue(scene, tree, (name, input) => done.run(name, input));
  let ended: object | undefined;
  const end = endOf(run).then((how) => (ended = how));
  await until('it is time', () => done.ran.length >= ran || ended !== undefined);
  const wasCancelled = await run.cancel('enough');
  await end;
  await scene.quiet();
  const { status } = await run.status();
  expect(status).toBe(wasCancelled ? 'cancelled' : natural);
  if (status === 'cancelled') expect(ended).toMatchObject({ code: 'cancelled' });
  expect(beyond(done.ran, meant.ran)).toEqual([]);
  await assertNothingOpen(run);
}

function enqueue({ app, queue }: Scene, tree: Tree, perform: (name: string, input: unknown) => unknown): Promise<RunHandle> {
  for (const name of tasksOf(tree)) app.task(name, { queue, run: (input: unknown) => perform(name, input) });
  return app.enqueue(app.signature(tree) as never, START as never);
}

function endOf(run: RunHandle): Promise<object> {
  return run.result().then(
    (value) => ({ value }),
    (error: unknown) => error as Error,
  );
}

async function assertNothingOpen(run: RunHandle): Promise<void> {
  const { counts } = await run.status();
  expect(counts).toMatchObject({ waiting: 0, delayed: 0, parked: 0, started: 0, retrying: 0 });
}

/** Those that are not, or more often than they are, among others. */
function beyond(ran: readonly string[], meant: readonly string[]): readonly string[] {
  const left = [...meant];
  return ran.filter((call) => {
    const at = left.indexOf(call);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

function whyOf(ended: object): string {
  const { cause } = ended as { readonly cause?: { readonly message: string; readonly code?: string } };
  return cause?.code ?? cause?.message ?? 'succeeded';
}

function renamed(tree: Tree, end: string): Tree {
  return JSON.parse(JSON.stringify(tree), (key, value: unknown) => (key === 'task' ? `${String(value)}${end}` : value)) as Tree;
}

function tasksOf(tree: Tree): ReadonlySet<string> {
  const names = new Set<string>();
  JSON.stringify(tree, (key, value: unknown) => {
    if (key === 'task') names.add(value as string);
    return value;
  });
  return names;
}
