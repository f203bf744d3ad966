import { InvalidCanvasError } from '../errors.ts';
import { chordOf, groupOf } from './compose.ts';
import type { AnySignature, Fit, GivenBy, GivenByEach, TakenBy, TakenByEach } from './fit.ts';
import { GroupSignature } from './group.ts';
import { partsOf, Signature } from './signature.ts';
import type { GroupTree, Tree } from './tree.ts';

/** A group, or signatures to make one of. */
export type Header = GroupSignature<never, readonly unknown[], unknown> | readonly AnySignature[] | Iterable<AnySignature>;

export type TakenByHeader<H extends Header> = H extends AnySignature
  ? TakenBy<H>
  : H extends Iterable<infer Member extends AnySignature>
    ? TakenByEach<Member>
    : never;

export type GivenByHeader<H extends Header> = H extends AnySignature
  ? GivenBy<H>
  : H extends readonly AnySignature[]
    ? GivenByEach<H>
    : H extends Iterable<infer Member extends AnySignature>
      ? GivenBy<Member>[]
      : never;

/**
 * Runs the header's members at the same time, then the body on the list of what they gave.
 * @throws InvalidCanvasError without a body, when the header is no group and no list (a chain: put it in a list), for what is no
 * signature, and for signatures of two apps
 */
export function chord<const H extends Header, Body extends AnySignature>(
  header: H,
  body: Body & Fit<GivenByHeader<H>, Body>,
): Signature<TakenByHeader<H>, GivenBy<Body>> {
  const group = headerOf(header);
  if ((body as unknown) === undefined)
    throw new InvalidCanvasError('body', 'A chord has a body that takes what its header gives. Without one it is a group.');
  const { trees, runner } = partsOf([group, body], (index) => (index === 0 ? 'header' : 'body'));
  return new Signature({ tree: chordOf(trees[0] as GroupTree, trees[1] as Tree), runner });
}

function headerOf(header: unknown): AnySignature {
  if (Signature.is(header)) {
    if (header.parts.tree.type === 'group') return header;
    throw new InvalidCanvasError(
      'header',
      `A chord's header is a group or a list of signatures, not a ${header.parts.tree.type}: put it in a list.`,
    );
  }
  if (typeof header !== 'object' || header === null || !(Symbol.iterator in header))
    throw new InvalidCanvasError('header', "A chord's header is a group or a list of signatures.");
  const { trees, runner } = partsOf(Array.from(header as Iterable<unknown>), (index) => `header.members.${index}`);
  return new GroupSignature({ tree: groupOf(trees), runner });
}
