import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chain, chord, group, lenient, runOf, task } from '../testing/trees.ts';
import { InMemoryEngine } from './testing/in-memory-engine.ts';
import { interpret } from './testing/interpreter.ts';
import { PretendTasks, withoutErrors } from './testing/pretend-tasks.ts';
import { randomTree } from './testing/random-tree.ts';
import { seeded } from './seed.ts';
import type { Tree } from './tree.ts';

/** More by hand: `OXBOW_TREES=20000 npm test -- semantics`. */
const TREES = Number(process.env['OXBOW_TREES'] ?? 500);

/** Runs a tree both ways; gives what ran. */
function assertSame(tree: Tree, start: unknown, order: number): readonly string[] {
  const meant = new PretendTasks();
  const expected = interpret(tree, (name, input) => meant.run(name, input), start);
  const done = new PretendTasks();
  const ended = new InMemoryEngine((name, input) => done.run(name, input), choices(order)).finish(runOf(tree, {}, start));
  if (expected.ok) expect(withoutErrors(ended)).toEqual(withoutErrors({ value: expected.value ?? null }));
  else expect(expected.why.map(brief)).toContain('failure' in ended ? brief(ended.failure) : 'succeeded');
  expect(done.ran.toSorted()).toEqual(meant.ran.toSorted());
  return done.ran.map((call) => call.slice(0, call.indexOf('('))).toSorted();
}

/** Runs a tree whose failing tasks succeed the second time; gives what the second run gives. */
function assertSameAgain(tree: Tree, start: unknown, order: number): void {
  const [tasks, given] = [new PretendTasks(), new Map<string, unknown>()];
  const heal = (name: string, input: unknown): unknown => tasks.run(name.startsWith('f') ? `t${name}` : name, input);
  const first = new InMemoryEngine((name, input) => {
    const value = tasks.run(name, input);
    given.set(name, value);
    return value;
  }, choices(order));
  const run = runOf(tree, {}, start);
  if ('value' in first.finish(run)) return;
  // What a map gives depends on its items alone.
  const isKept = (name: string): boolean => given.has(name) && !JSON.stringify(tree).includes(`"task":"${name}","input":[`);
  const expected = interpret(tree, (name, input) => (isKept(name) ? given.get(name) : heal(name, input)), start);
  const again = { ...run, plan: seeded(run.plan, first.valuesOf(run)) };
  const ended = new InMemoryEngine(heal, choices(order)).finish(again);
  // A group that has ended without some of its members stays so; its list is in no task of the tree.
  if (JSON.stringify(tree).includes('"join":')) return;
  if (expected.ok) expect(withoutErrors(ended)).toEqual(withoutErrors({ value: expected.value ?? null }));
  else expect(expected.why.map(brief)).toContain('failure' in ended ? brief(ended.failure) : 'succeeded');
}

/** A linear congruential generator: the same seed is the same order. */
function choices(seed: number): (waiting: number) => number {
  let state = seed;
  return (waiting) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 1) % Math.max(1, waiting);
}

function brief(failure: string): string {
  return failure.includes('cannot be merged') ? 'invalid_input' : failure;
}

describe('a compiled canvas, in any order of its jobs, does what its tree means:', () => {
  it(
    'the same tasks run on the same input, with the same result, links and error handlers',
    () => {
      const start = fc.constantFrom(undefined, undefined, { start: 1 }, 5);
      fc.assert(
        fc.property(randomTree, start, fc.nat(), (tree, input, order) => {
          assertSame(tree, input, order);
        }),
        { numRuns: TREES },
      );
    },
    Math.max(120_000, TREES * 100),
  );

  it(
    'and what it would have given when its failing tasks are tried again',
    () => {
      fc.assert(
        fc.property(randomTree, fc.constantFrom(undefined, { start: 1 }), fc.nat(), (tree, input, order) => {
          assertSameAgain(tree, input, order);
        }),
        { numRuns: TREES },
      );
    },
    Math.max(120_000, TREES * 100),
  );

  it('a run that is tried again does not wait for what has failed in a group whose join has ended', () => {
    const inner = chain(lenient('settle', task('f1')), task('t2'));
    for (let order = 0; order < 20; order++) assertSameAgain(group(chain(group(inner), task('f3'))), undefined, order);
  });

  it.each<[string, Tree, readonly string[]]>([
    [
      'a part that has not begun has not failed, also when the root is in it',
      chain(task('f1'), group(task('t2')), { ...chain(task('t3')), errors: [task('t4')] }),
      ['f1'],
    ],
    [
      'error handlers of what has no job are never started',
      chain(lenient('settle', group({ ...group(), errors: [task('t1')] }), task('f2')), task('t3')),
      ['f2', 't3'],
    ],
    ['a task that follows a failed group fails with it', chain(group(task('f1')), task('t2', { errors: [task('t3')] })), ['f1', 't3']],
    [
      'an error handler of a chord is started once',
      { ...chord(group(task('f1'), task('f2')), task('t3')), errors: [task('t4')] },
      ['f1', 'f2', 't4'],
    ],
    [
      'a group behind another ends in a list of lists',
      chain(group(task('t1')), group(task('t2'), group()), task('t3')),
      ['t1', 't2', 't3'],
    ],
  ])('%s', (_, tree, ran) => {
    for (let order = 0; order < 20; order++) expect(assertSame(tree, undefined, order)).toEqual(ran);
  });

  it('a large group of chains starts through fan-out jobs', () => {
    const members = Array.from({ length: 1_500 }, (_, i) => chain(task(`t${2 * i}`), task(`t${2 * i + 1}`)));
    expect(assertSame(chain(task('b9999'), group(...members), task('t10000')), undefined, 1)).toHaveLength(3_002);
  });
});
