import { describe, expect, it } from 'vitest';
import { chain, chord, group, lenient, runOf, task } from '../testing/trees.ts';
import type { NodeIndex, Plan } from './plan.ts';
import { errorHandlers } from './scopes.ts';
import type { Tree } from './tree.ts';

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => task(name)) as [Tree, Tree, Tree, Tree];
const [h, i] = [task('h'), task('i')];
const linked = <T extends Tree>(tree: T): T => ({ ...tree, links: [task('l')] });
const withErrors = <T extends Tree>(tree: T, ...errors: readonly Tree[]): T => ({ ...tree, errors });

/** Handlers that start when `index` fails because of `origins`. */
function started(tree: Tree, index: NodeIndex, ...origins: readonly NodeIndex[]): readonly string[] {
  return errorHandlers(runOf(tree), index, origins).map(({ rootId, plan }) => `${rootId}:${taskOf(plan)}`);
}

function taskOf({ shapes }: Plan): string {
  return shapes[0]?.task ?? '';
}

describe('a failing job starts the handlers', () => {
  it.each<[string, Tree, NodeIndex, readonly NodeIndex[], readonly string[]]>([
    ['of its own', chain(withErrors(a, h), b), 0, [], ['R-0e0:h']],
    ['not of the chain that its root reports', withErrors(chain(a, b, c), h), 0, [], []],
    ['of the chain, as its root', withErrors(chain(a, b, c), h), 2, [0], ['Rs0e0:h']],
    ['not those of a later step that was never reached', chain(a, b, withErrors(c, h)), 2, [0], []],
    ['of a body whose header has failed', chord(group(a, b), withErrors(c, h)), 3, [1], ['Re0:h']],
    ['of a group, at the join that gathers it', chain(withErrors(group(a, b), h), c), 3, [1], ['Rs0e0:h']],
    ['not of the group as a member', chain(withErrors(group(a, b), h), c), 1, [], []],
    ['of a chain inside a group, as its step', group(withErrors(chain(a, b), h), c), 1, [], ['Rs0e0:h']],
    ['of a chord inside a group, as its body', group(withErrors(chord(group(a, b), c), h), d), 4, [2], ['Rs0e0:h']],
    ['none beyond a group that settles', withErrors(lenient('settle', withErrors(chain(a, b), h), c), i), 1, [], ['Rs0e0:h']],
    ['once when the chain has the same as the step', withErrors(chain(withErrors(a, h), b), h), 1, [0], []],
    ['both when they differ', withErrors(chain(withErrors(a, h), b), i), 1, [0], ['Rs0e0:i']],
    ['of what follows a group with links', chain(linked(group(a, b)), withErrors(c, h), d), 3, [1], ['R-4e0:h']],
    ['of the last task, after a group with links', chain(linked(group(a, b)), withErrors(c, h)), 3, [1], ['Re0:h']],
    ['not again as the last task', chain(linked(group(a, b)), withErrors(c, h)), 4, [1, 3], []],
    ['of the chain that follows a group with links', chain(linked(group(a, b)), withErrors(chain(c, d), h), a), 3, [1], ['Rs0e0:h']],
    ['of the whole, as its last task, after a group with links', withErrors(chain(linked(group(a, b)), c), h), 4, [1, 3], ['Rs0e0:h']],
    [
      'of the last chain, which begins behind a group with links',
      chain(linked(group(a, b)), withErrors(chain(c, d), h)),
      5,
      [1, 3],
      ['Rs0e0:h'],
    ],
    ['once when the chain has the same as its first task', chain(linked(group(a, b)), withErrors(c, h), d), 5, [1, 3], []],
    ['not of a group that follows a group with links', chain(linked(group(a, b)), group(withErrors(c, h), d)), 3, [1], []],
    ['innermost first', withErrors(chain(withErrors(group(a, b), h), c), i), 3, [1], ['Rs0e0:h', 'Rs1e0:i']],
  ])('%s', (_, tree, index, origins, handlers) => {
    expect(started(tree, index, ...origins)).toEqual(handlers);
  });
});
