import { describe, expect, it } from 'vitest';
import { chain, group, lenient, runOf, task } from '../testing/trees.ts';
import { assemble, awaited, type FailureView } from './gather.ts';
import type { NodeIndex } from './plan.ts';
import type { Tree } from './tree.ts';

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => task(name)) as [Tree, Tree, Tree, Tree];

/** What the root gathers when every call gives its index, except those that fail or have not ended. */
function gathered(
  tree: Tree,
  { failed = [], pending = [] }: { readonly failed?: readonly NodeIndex[]; readonly pending?: readonly NodeIndex[] } = {},
): unknown {
  const { plan } = runOf(tree);
  const failures = new Map(failed.map((at): [NodeIndex, FailureView] => [at, { status: 'failed', error: `e${at}` }]));
  const valueOf = (at: NodeIndex): { value: unknown } | undefined => (failures.has(at) || pending.includes(at) ? undefined : { value: at });
  const result = assemble(plan, plan.root, valueOf, failures);
  return result.kind === 'value' ? result.value : result;
}

describe('a join', () => {
  it.each<[string, Tree, readonly NodeIndex[]]>([
    ['its members', group(a, b), [1, 2]],
    ['the last step of a chain', group(chain(a, b), c), [2, 3]],
    ['the members of the group in which a chain ends', group(chain(a, group(b, c)), d), [3, 4, 5]],
    ['the body of a chord', group(chain(group(a, b), c), d), [4, 5]],
    ['the step before an empty group, whose value is not used', chain(a, group()), [0]],
  ])('needs %s', (_, tree, nodes) => {
    const { plan } = runOf(tree);
    expect(awaited(plan, plan.root)).toEqual(nodes);
  });

  it.each<[string, Tree, unknown]>([
    ['in the order of the plan', group(a, b), [1, 2]],
    ['nested as the groups are', group(a, group(b, group(c))), [1, [3, [5]]]],
    ['a list also of one', group(a), [1]],
    ['empty lists where groups are empty', group(group(), a, group(group())), [[], 2, [[]]]],
    ['an empty list after a step', chain(a, group()), []],
  ])('gives values %s', (_, tree, value) => {
    expect(gathered(tree)).toEqual(value);
  });
});

describe('a group with a failed member', () => {
  it('fails with the failure of that member, also when one before it has not ended', () => {
    expect(gathered(group(a, b), { failed: [2], pending: [1] })).toEqual({
      kind: 'failed',
      origin: 2,
      failure: { status: 'failed', error: 'e2' },
    });
  });

  it('names the step that failed', () => {
    expect(gathered(group(chain(a, b), c), { failed: [1], pending: [2] })).toMatchObject({ kind: 'failed', origin: 1 });
  });

  it('gives status and value or error of each when it settles', () => {
    expect(gathered(lenient('settle', a, b), { failed: [2] })).toEqual([
      { status: 'succeeded', value: 1 },
      { status: 'failed', error: 'e2' },
    ]);
  });

  it('counts a failed group inside a group that settles as one member', () => {
    expect(gathered(lenient('settle', group(a, b), c), { failed: [3] })).toEqual([
      { status: 'failed', error: 'e3' },
      { status: 'succeeded', value: 4 },
    ]);
  });

  it('gives the survivors when failures are ignored', () => {
    expect(gathered(lenient('ignore', a, b, c), { failed: [2] })).toEqual([1, 3]);
  });

  it('gives the survivors when there are enough of them, and fails otherwise', () => {
    expect(gathered(lenient({ quorum: 2 }, a, b, c), { failed: [2] })).toEqual([1, 3]);
    expect(gathered(lenient({ quorum: 2 }, a, b, c), { failed: [2, 3] })).toEqual({ kind: 'quorum', fork: 0, quorum: 2, succeeded: 1 });
  });

  it('is not reached when a step before it has failed', () => {
    expect(gathered(chain(a, group(b, c)), { failed: [0], pending: [2, 3] })).toMatchObject({ kind: 'failed', origin: 0 });
  });
});
