import { describe, expect, it } from 'vitest';
import { chain, chord, group, task } from '../testing/trees.ts';
import { knownInputs } from './known-inputs.ts';
import type { Tree } from './tree.ts';

const own = { input: { x: 1 } };
const whole = { input: 5, immutable: true as const };

describe('inputs that are known at enqueue', () => {
  it.each<[string, Tree, unknown, readonly unknown[]]>([
    ['of the first step', chain(task('a'), task('b')), { y: 2 }, [{ task: 'a', input: { y: 2 } }]],
    ['with its partial, below what is given', task('a', own), { x: 2, y: 2 }, [{ task: 'a', input: { x: 2, y: 2 } }]],
    ['under its key', task('a', { ...own, receive: 'y' }), [1], [{ task: 'a', input: { x: 1, y: [1] } }]],
    ['nothing when nothing is given', task('a'), undefined, [{ task: 'a', input: undefined }]],
    [
      'of every member, and of a header',
      chord(group(task('a', own), group(task('b'))), task('c')),
      undefined,
      [
        { task: 'a', input: { x: 1 } },
        { task: 'b', input: undefined },
      ],
    ],
    ['of no task after an empty group', chain(group(), task('a')), 1, []],
    ['of the same signature where it stands first only', chain(task('a'), task('a')), 1, [{ task: 'a', input: 1 }]],
    [
      'of immutable ones anywhere, also in links and error handlers',
      chain(task('a', whole), task('b', { links: [task('c', whole)], errors: [group(task('d', whole))] }), task('e', whole)),
      1,
      ['a', 'c', 'd', 'e'].map((name) => ({ task: name, input: 5 })),
    ],
    [
      'of every item of a map',
      task('a', { input: [1, 2], immutable: true, map: true }),
      undefined,
      [
        { task: 'a', input: 1 },
        { task: 'a', input: 2 },
      ],
    ],
  ])('%s', (_, tree, start, expected) => {
    expect([...knownInputs(tree, start)]).toEqual(expected);
  });
});
