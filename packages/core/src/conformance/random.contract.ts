import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunHandle } from '../canvas/run-handle.ts';
import { interpret } from '../canvas/testing/interpreter.ts';
import { PretendTasks, withoutErrors } from '../canvas/testing/pretend-tasks.ts';
import { randomTree } from '../canvas/testing/random-tree.ts';
import type { Tree } from '../canvas/tree.ts';
import type { TaskContext } from '../execution/context.ts';
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
      'do the same when some of their tasks are replaced by other canvases',
      async () => {
        const stage = scene();
        const others = trees(stage, SEED + 3);
        for (const [index, tree] of trees(stage, SEED + 4).entries())
          await named(tree, () => assertReplaced(stage, tree, others[index] as Tree));
      },
      DEADLINE_MS,
    );

    it(
      'give what they would have given when they are tried again',
      async () => {
        const stage = scene();
        for (const tree of trees(stage, SEED + 5)) await named(tree, () => assertRetried(stage, tree));
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

/** The first task that gives an object is replaced. */
async function assertReplaced(scene: Scene, tree: Tree, other: Tree): Promise<void> {
  const [meant, done] = [new PretendTasks(), new PretendTasks()];
  const replaced = [...tasksOf(tree)].find((name) => name.startsWith('o') && !mapsOf(tree).has(name));
  const meaning = (name: string, input: unknown): unknown => {
    if (name !== replaced) return meant.run(name, input);
    const ended = interpret(other, (inner, its) => meant.run(inner, its));
    if (ended.ok) return ended.value ?? null;
    throw new Error(ended.why.join(' or '));
  };
  const expected = interpret(tree, meaning, START);
  for (const name of tasksOf(other)) scene.app.task(name, { queue: scene.queue, run: (input: unknown) => done.run(name, input) });
  const replacement = scene.app.signature(other);
  const run = await enqueue(scene, tree, (name, input, ctx) => (name === replaced ? ctx.replace(replacement) : done.run(name, input)));
  const ended = await endOf(run);
  await scene.quiet();
  if (expected.ok) expect(withoutErrors(ended)).toEqual(withoutErrors({ value: expected.value ?? null }));
  else expect(expected.why.flatMap((why) => why.split(' or '))).toContain(whyOf(ended));
  expect(done.ran.toSorted()).toEqual(meant.ran.toSorted());
  await assertNothingOpen(run);
}

/** Its failing tasks succeed the second time; those that have succeeded keep what they gave. */
async function assertRetried(scene: Scene, tree: Tree): Promise<void> {
  const tasks = new PretendTasks();
  const given = new Map<string, unknown>();
  let isAgain = false;
  const perform = (name: string, input: unknown): unknown => tasks.run(isAgain && name.startsWith('f') ? `t${name}` : name, input);
  const run = await enqueue(scene, tree, (name, input) => {
    const value = perform(name, input);
    if (!isAgain) given.set(name, value);
    return value;
  });
  const first = await endOf(run);
  await scene.quiet();
  if ('value' in first) return;
  isAgain = true;
  // What a map gave is what it gives.
  const isKept = (name: string): boolean => given.has(name) && !mapsOf(tree).has(name);
  const expected = interpret(tree, (name, input) => (isKept(name) ? given.get(name) : perform(name, input)), START);
  // A group that has ended without some of its members stays so; its list is in no task of the tree.
  const isExact = !JSON.stringify(tree).includes('"join":');
  const again = await run.retryFailed();
  const ended = await endOf(again);
  await scene.quiet();
  if (!isExact) return assertNothingOpen(again);
  if (expected.ok) expect(withoutErrors(ended)).toEqual(withoutErrors({ value: expected.value ?? null }));
  else expect(expected.why).toContain(whyOf(ended));
  await assertNothingOpen(again);
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
  // A last job that runs may end before it hears of it.
  expect(wasCancelled ? ['cancelled', natural] : [natural]).toContain(status);
  if (status === 'cancelled') expect(ended).toMatchObject({ code: 'cancelled' });
  expect(beyond(done.ran, meant.ran)).toEqual([]);
  await assertNothingOpen(run);
}

function enqueue(
  { app, queue }: Scene,
  tree: Tree,
  perform: (name: string, input: unknown, ctx: TaskContext) => unknown,
): Promise<RunHandle> {
  for (const name of tasksOf(tree)) app.task(name, { queue, run: (input: unknown, ctx): unknown => perform(name, input, ctx) });
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

/** Tasks that run on every item of a list. */
function mapsOf(tree: Tree): ReadonlySet<string> {
  const names = new Set<string>();
  JSON.stringify(tree, (_, value: unknown) => {
    const { map, task } = (value ?? {}) as Readonly<Record<string, unknown>>;
    if (map === true) names.add(task as string);
    return value;
  });
  return names;
}

function tasksOf(tree: Tree): ReadonlySet<string> {
  const names = new Set<string>();
  JSON.stringify(tree, (key, value: unknown) => {
    if (key === 'task') names.add(value as string);
    return value;
  });
  return names;
}
