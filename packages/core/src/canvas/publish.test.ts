import { describe, expect, it } from 'vitest';
import { begun, chain, chord, group, lenient, runOf, shown, task } from '../testing/trees.ts';
import type { Call, Plan } from './plan.ts';
import { begin, fanOut, fanOutsOf, follow } from './publish.ts';
import type { Tree } from './tree.ts';

const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => task(name)) as [Tree, Tree, Tree, Tree, Tree];
const R = { queue: 'q', id: 'R' };

describe('what a run begins with', () => {
  it.each<[string, Tree, readonly string[]]>([
    ['a task alone, without a plan', a, ['R:a']],
    ['of a chain the first step, under the last', chain(a, b, c), ['R:c*', 'R-0:a<R']],
    ['of a chord the members, under the body', chord(group(a, b), c), ['R:c*', 'R-1:a<R', 'R-2:b<R']],
    ['of a group the members, under a collector', group(a, b), ['R:oxbow.collect*', 'R-1:a<R', 'R-2:b<R']],
    ['of nested groups all members, under one collector', group(a, group(b, c)), ['R:oxbow.collect*', 'R-1:a<R', 'R-3:b<R', 'R-4:c<R']],
    ['a join in the middle with its members', chain(group(a, b), c, d), ['R:d*', 'R-3:c*<R', 'R-1:a<R-3', 'R-2:b<R-3']],
    [
      'a collector between two groups',
      chain(group(a, b), group(c, d)),
      ['R:oxbow.collect*', 'R-3:oxbow.collect*<R', 'R-1:a<R-3', 'R-2:b<R-3'],
    ],
    ['of an empty group a collector that waits for nothing', group(), ['R:oxbow.collect']],
    ['after an empty group a plain job', chain(group(), a), ['R:a']],
    ['of empty groups in a group no job', group(group(), a), ['R:oxbow.collect*', 'R-2:a<R']],
    [
      'a quorum inside a group with a collector of its own',
      group(lenient({ quorum: 1 }, a, b), c),
      ['R:oxbow.collect*', 'R-4:oxbow.collect*<R', 'R-2:a<R-4', 'R-3:b<R-4', 'R-5:c<R'],
    ],
  ])('%s', (_, tree, jobs) => {
    expect(begun(tree)).toEqual(jobs);
  });

  it('carries the plan in the root alone when it is large, and everywhere when it is small', () => {
    const plans = (tree: Tree): readonly boolean[] => begin(runOf(tree)).map(({ message }) => message.plan !== undefined);
    expect(plans(chain(a, b))).toEqual([true, false]);
    expect(plans(chain(a, b, c))).toEqual([true, true]);
    expect(plans(chain(...Array.from({ length: 90 }, () => a)))).toEqual([true, false]);
  });

  it('gives a large group fan-out jobs, which give each member once', () => {
    const run = runOf(group(...Array.from({ length: 2600 }, () => a)));
    const drafts = begin(run);
    expect(drafts.map(({ task: name }) => name)).toEqual(['oxbow.collect', ...Array.from({ length: 6 }, () => 'oxbow.fan-out')]);
    expect(fanOutsOf(run).map(({ id, queue }) => ({ id, queue }))).toEqual(drafts.slice(1).map(({ id, queue }) => ({ id, queue })));
    const members = drafts.slice(1).flatMap(({ message }) => fanOut(run, message, R));
    expect(new Set(members.map(({ id }) => id)).size).toBe(2600);
    expect(members.every(({ task: name, parent }) => name === 'a' && parent?.id === 'R')).toBe(true);
  });

  it('gives the input to every first job that takes one', () => {
    const tree = group(task('a', { input: { x: 1, y: 1 } }), task('b', { input: 5, immutable: true }), task('c', { receive: 'z' }));
    expect(begin(runOf(tree, {}, { y: 2 })).map(({ input }) => input)).toEqual([undefined, { x: 1, y: 2 }, 5, { z: { y: 2 } }]);
  });
});

describe('what follows a job', () => {
  it.each<[string, Tree, number, readonly string[] | undefined]>([
    ['the next step, under the same join', chain(a, b, c), 0, ['R-1:b<R']],
    ['nothing before the root, which is there', chain(a, b), 0, undefined],
    ['a group whose join is there', chain(a, group(b, c), d), 0, ['R-2:b<R', 'R-3:c<R']],
    ['a group with its join', chain(a, group(b, c), d, e), 0, ['R-4:d*<R', 'R-2:b<R-4', 'R-3:c<R-4']],
    ['what comes after an empty group', chain(a, group(), b, c), 0, ['R-2:b<R']],
    ['nothing after a member', group(a, b), 1, undefined],
    ['its links, without a parent', chain(task('a', { links: [b] }), c), 0, ['R-0l0:b']],
  ])('%s', (_, tree, index, jobs) => {
    const next = follow(runOf(tree), index, 1, R);
    expect(next && shown(next.drafts)).toEqual(jobs);
  });

  it('carries the value in the job that shows that it was published, also to an immutable one', () => {
    const next = follow(runOf(chain(a, task('b', { input: 1, immutable: true }), c)), 0, { big: true }, R);
    expect(next?.probe).toEqual({ queue: 'q', id: 'R-1' });
    expect(next?.drafts[0]).toMatchObject({ input: 1, message: { i: 1, v: { big: true } } });
  });

  it('refers to a large value that goes to several jobs', () => {
    const run = runOf(chain(a, group(b, c), d));
    const large = 'x'.repeat(5000);
    expect(follow(run, 0, 'small', R)).toMatchObject({ reference: false });
    const next = follow(run, 0, large, R);
    expect(next?.reference).toBe(true);
    expect(next?.drafts.map(({ message }) => [message.v, message.w])).toEqual([
      [undefined, 0],
      [undefined, 0],
    ]);
  });
});

describe('options of a canvas', () => {
  const prioritiesOf = ({ shapes, nodes }: Plan): readonly unknown[] =>
    nodes.filter((node): node is Call => 's' in node).map(({ s }) => shapes[s]?.priority);

  it('reach every job that has none of its own', () => {
    const tree = chain(a, task('b', { options: { priority: 1 } }), { ...group(c, d), options: { priority: 2 } }, e);
    expect(prioritiesOf(runOf(tree, { priority: 9 }).plan)).toEqual([9, 1, 2, 2, 9]);
  });

  it('delay only the start', () => {
    const delays = begin(runOf(chain(group(a, b), c), { delay: 1000 })).map(({ delayMs }) => delayMs);
    expect(delays).toEqual([undefined, 1000, 1000]);
  });
});
