import fc from 'fast-check';
import type { GroupTree, JoinPolicy, TaskTree, Tree } from '../tree.ts';

/** A kind of task with its signature; the name is made unique afterwards. */
const task: fc.Arbitrary<Tree> = fc
  .tuple(
    fc.oneof(
      { weight: 12, arbitrary: fc.constant('t') },
      { weight: 3, arbitrary: fc.constantFrom('o', 'b') },
      { weight: 2, arbitrary: fc.constant('f') },
    ),
    fc.oneof(
      { weight: 6, arbitrary: fc.constant({}) },
      { weight: 2, arbitrary: fc.constant({ input: { own: 1 }, receive: 'got' }) },
      { weight: 1, arbitrary: fc.constant({ receive: 'got' }) },
      { weight: 1, arbitrary: fc.constant({ input: { own: 1 } }) },
      { weight: 2, arbitrary: fc.constantFrom({ input: 5, immutable: true as const }, { immutable: true as const }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Partial<TaskTree>>(
          { input: [1, 2], immutable: true, map: true },
          { input: [], immutable: true, map: true },
        ),
      },
    ),
  )
  .map(([kind, rest]) => ({ type: 'task', task: kind, ...rest }));

const policy: fc.Arbitrary<JoinPolicy | undefined> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: fc.constantFrom<JoinPolicy>('settle', 'ignore', 'failFast', { quorum: 1 }, { quorum: 2 }) },
);

/** Mostly none. */
function few(tree: fc.Arbitrary<Tree>): fc.Arbitrary<readonly Tree[]> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(tree, { minLength: 1, maxLength: 2 }) });
}

/** With links and error handlers. */
function followed(bare: fc.Arbitrary<Tree>, follower: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> {
  return fc
    .tuple(bare, few(follower), few(follower))
    .map(([tree, links, errors]) => ({ ...tree, ...(links.length > 0 ? { links } : {}), ...(errors.length > 0 ? { errors } : {}) }));
}

/** Links and error handlers are canvases, and have their own. */
const small: fc.Arbitrary<Tree> = fc.oneof(
  { weight: 4, arbitrary: task },
  { weight: 1, arbitrary: fc.array(task, { minLength: 1, maxLength: 3 }).map((steps) => ({ type: 'chain' as const, steps })) },
  { weight: 1, arbitrary: fc.tuple(fc.array(task, { maxLength: 3 }), policy).map(([members, join]) => withPolicy(members, join)) },
);
const follower = followed(small, task);

const { tree } = fc.letrec<{ tree: Tree; bare: Tree; group: GroupTree }>((tie) => ({
  tree: followed(tie('bare'), follower),
  bare: fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    task,
    fc.array(tie('tree'), { minLength: 1, maxLength: 4 }).map((steps) => ({ type: 'chain' as const, steps })),
    tie('group'),
    fc.tuple(tie('group'), tie('tree')).map(([header, body]) => ({ type: 'chord' as const, header, body })),
  ),
  group: fc.tuple(fc.array(tie('tree'), { maxLength: 4 }), policy).map(([members, join]) => withPolicy(members, join)),
}));

function withPolicy(members: readonly Tree[], join: JoinPolicy | undefined): GroupTree {
  const cannot = typeof join === 'object' && join.quorum > members.length;
  return { type: 'group', members, ...(join === undefined || cannot ? {} : { join }) };
}

/** Chains, groups and chords inside one another, with policies, failing tasks, links and error handlers. No two tasks have one name. */
export const randomTree: fc.Arbitrary<Tree> = tree.map((made) => {
  let count = 0;
  return JSON.parse(JSON.stringify(made), (key, value: unknown) => (key === 'task' ? `${String(value)}${count++}` : value)) as Tree;
});
