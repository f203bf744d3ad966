/** Builds trees; what cannot run is refused here, so no builder can make it. */
import { isDeepStrictEqual } from 'node:util';
import { InvalidCanvasError } from '../errors.ts';
import type { ChainTree, ChordTree, GroupTree, JoinPolicy, SignatureOptions, Tree } from './tree.ts';

/** Signatures inside one another. */
export const MAX_DEPTH = 100;

/** A chain without links, error handlers and options of its own is spliced in: it has no meaning apart from its steps. */
export function chainOf(steps: readonly Tree[]): ChainTree {
  if (steps.length === 0) throw new InvalidCanvasError('', 'A chain has at least one step; this one has none.');
  return sound({ type: 'chain', steps: steps.flatMap((step) => (isBare(step) ? step.steps : [step])) });
}

function isBare(tree: Tree): tree is ChainTree {
  return tree.type === 'chain' && tree.options === undefined && tree.links === undefined && tree.errors === undefined;
}

export function groupOf(members: readonly Tree[]): GroupTree {
  return sound({ type: 'group', members });
}

export function chordOf(header: GroupTree, body: Tree): ChordTree {
  return sound({ type: 'chord', header, body });
}

/** @throws InvalidCanvasError when a policy cannot be met, or says nothing. */
export function withJoin(group: GroupTree, change: Pick<GroupTree, 'join' | 'cancelRest'>): GroupTree {
  const { join, cancelRest } = { ...group, ...change };
  const wrong = wrongPolicy(join, cancelRest, group.members.length);
  if (wrong !== undefined) throw new InvalidCanvasError('', wrong);
  if (group.links !== undefined)
    throw new InvalidCanvasError(
      '',
      'The group has links already, which take what it gives: say settle(), ignore() or quorum() before link().',
    );
  return sound({ ...group, ...change });
}

/** Why a group cannot have this policy, or undefined. */
export function wrongPolicy(join: JoinPolicy | undefined, cancelRest: boolean | undefined, members: number): string | undefined {
  if (cancelRest === true && (join === 'settle' || join === 'ignore'))
    return `cancelRest is for groups that can fail; one with "${join}" never does.`;
  if (typeof join !== 'object') return undefined;
  const { quorum } = join;
  if (!Number.isInteger(quorum) || quorum < 1) return `A quorum is a whole number from 1; it is ${String(quorum)}.`;
  return quorum > members ? `A quorum of ${quorum} cannot be reached by ${members} members.` : undefined;
}

export function withOptions<T extends Tree>(tree: T, options: SignatureOptions): T {
  return sound({ ...tree, options: Object.freeze({ ...tree.options, ...options }) });
}

/** The same link twice is one. */
export function withLink<T extends Tree>(tree: T, link: Tree): T {
  return sound({ ...tree, links: added(tree.links, link) });
}

/** The same error handler twice is one. */
export function withErrorHandler<T extends Tree>(tree: T, handler: Tree): T {
  return sound({ ...tree, errors: added(tree.errors, handler) });
}

function added(list: readonly Tree[] = [], tree: Tree): readonly Tree[] {
  return distinct([...list, tree]);
}

/** Each value once, in order. */
export function distinct(trees: readonly Tree[]): readonly Tree[] {
  return trees.filter((tree, index) => trees.findIndex((other) => isDeepStrictEqual(other, tree)) === index);
}

const depths = new WeakMap<Tree, number>();

/** Freezes one node, whose children are sound. @throws InvalidCanvasError when it is too deep. */
export function sound<T extends Tree>(tree: T): T {
  const depth = 1 + childrenOf(tree).reduce((deepest, child) => Math.max(deepest, depths.get(child) ?? 0), 0);
  if (depth > MAX_DEPTH) throw new InvalidCanvasError('', `Signatures lie inside one another at most ${MAX_DEPTH} deep; this is ${depth}.`);
  depths.set(tree, depth);
  return Object.freeze(tree);
}

/** Signatures inside this one, links and error handlers too. */
export function childrenOf(tree: Tree): readonly Tree[] {
  return [...partsOf(tree), ...(tree.links ?? []), ...(tree.errors ?? [])];
}

function partsOf(tree: Tree): readonly Tree[] {
  switch (tree.type) {
    case 'task':
      return [];
    case 'chain':
      return tree.steps;
    case 'group':
      return tree.members;
    case 'chord':
      return [tree.header, tree.body];
  }
}
