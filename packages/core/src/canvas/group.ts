import { InvalidCanvasError } from '../errors.ts';
import { groupOf, withJoin } from './compose.ts';
import type { AnySignature, GivenBy, GivenByEach, TakenByEach } from './fit.ts';
import { partsOf, Signature } from './signature.ts';
import type { FailureInfo, GroupTree } from './tree.ts';

/** How one member of a `settle` group has ended. */
export type Settled<Value> =
  | { readonly status: 'succeeded'; readonly value: Value }
  | { readonly status: 'failed' | 'cancelled' | 'expired'; readonly error: FailureInfo };

/**
 * Signatures that run at the same time. It gives the list of what they give, in their order, and fails at its first failure; the
 * others run on.
 *
 * @typeParam Values - what the members give, as a tuple or a list.
 */
export class GroupSignature<in In, out Values extends readonly unknown[], out Out = Values> extends Signature<In, Out> {
  /** Never fails: gives how each member has ended. @throws InvalidCanvasError after `cancelRest`, and after `link` */
  settle(): GroupSignature<In, Values, { [Index in keyof Values]: Settled<Values[Index]> }> {
    return this.#join({ join: 'settle' });
  }

  /** Never fails: gives what the members gave that succeeded, in their order. @throws InvalidCanvasError after `cancelRest`, and after `link` */
  ignore(): GroupSignature<In, Values, Values[number][]> {
    return this.#join({ join: 'ignore' });
  }

  /**
   * Gives what the members gave that succeeded, in their order, when all have ended; fails with QuorumError when they are fewer.
   * @throws InvalidCanvasError when `succeeded` is no whole number from 1 to the number of members, and after `link`
   */
  quorum(succeeded: number): GroupSignature<In, Values, Values[number][]> {
    return this.#join({ join: { quorum: succeeded } });
  }

  /** When the group has failed, members that have not ended are cancelled. @throws InvalidCanvasError after `settle` and `ignore` */
  cancelRest(): this {
    return this.copy(withJoin(this.parts.tree as GroupTree, { cancelRest: true }));
  }

  #join<Joined>(change: Pick<GroupTree, 'join'>): GroupSignature<In, Values, Joined> {
    return new GroupSignature({ tree: withJoin(this.parts.tree as GroupTree, change), runner: this.parts.runner });
  }
}

/**
 * Runs its members at the same time, on what each of them takes.
 * @throws InvalidCanvasError for a member that is no signature, and for signatures of two apps
 */
export function group<const Members extends readonly AnySignature[]>(
  members: Members,
): GroupSignature<TakenByEach<Members[number]>, GivenByEach<Members>>;
export function group<Member extends AnySignature>(members: Iterable<Member>): GroupSignature<TakenByEach<Member>, GivenBy<Member>[]>;
export function group<const Members extends readonly AnySignature[]>(
  ...members: Members
): GroupSignature<TakenByEach<Members[number]>, GivenByEach<Members>>;
export function group(...given: readonly unknown[]): GroupSignature<never, unknown[]> {
  const { trees, runner } = partsOf(membersOf(given), (index) => `members.${index}`);
  return new GroupSignature({ tree: groupOf(trees), runner });
}

function membersOf(given: readonly unknown[]): readonly unknown[] {
  const [only] = given;
  if (given.length !== 1 || Signature.is(only)) return given;
  if (typeof only === 'object' && only !== null && Symbol.iterator in only) return Array.from(only as Iterable<unknown>);
  if (typeof only === 'string') throw new InvalidCanvasError('members.0', 'is text, not a signature.');
  return given;
}
