import { InvalidCanvasError } from '../errors.ts';
import { encodePayload, isForbiddenKey, type PayloadLimits } from '../task/payload.ts';
import { sound } from './compose.ts';
import type { AnySignature, GivenBy, TakenBy } from './fit.ts';
import { GroupSignature } from './group.ts';
import type { OthersGiven, Received, ReceivableKey } from './partial-input.ts';
import type { CanvasRunner } from './run-handle.ts';
import { Signature } from './signature.ts';
import type { TaskTree } from './tree.ts';

/** A task, as signatures know it. */
export interface SignatureSource {
  readonly task: string;
  readonly runner: CanvasRunner;
  readonly limits: PayloadLimits;
}

/** One task with part of its input: `task.s(partial)`. */
export class TaskSignature<in In, out Out> extends Signature<In, Out> {
  /**
   * The predecessor's result lands under this key of the input; the partial input has the other fields.
   * @throws InvalidCanvasError on `si` signatures, which take no result, and for a key that is no field's name
   */
  receive<This extends AnySignature, const Key extends ReceivableKey<TakenBy<This>>>(
    this: This,
    key: Key & OthersGiven<TakenBy<This>, Key>,
  ): Signature<Received<TakenBy<This>, Key>, GivenBy<This>> {
    const { tree, runner } = this.parts;
    return new TaskSignature({ tree: receiving(tree as TaskTree, key), runner });
  }
}

function receiving(tree: TaskTree, key: unknown): TaskTree {
  if (tree.immutable === true)
    throw new InvalidCanvasError('', `Task "${tree.task}" was given its whole input with si() or map(): it receives nothing. Use s().`);
  const wrong = wrongKey(key);
  if (wrong !== undefined) throw new InvalidCanvasError('', wrong);
  return sound({ ...tree, receive: key as string });
}

/** Why a result cannot land under this key, or undefined. */
export function wrongKey(key: unknown): string | undefined {
  if (typeof key !== 'string' || key === '') return 'receive() takes the name of a field of the input.';
  return isForbiddenKey(key) ? `receive() cannot take "${key}": it can change prototypes where it is read.` : undefined;
}

/** Of `task.s(partial)`. @throws InvalidCanvasError, SerializationError */
export function mutable<In, Out>(source: SignatureSource, partial: unknown): TaskSignature<In, Out> {
  if (partial === undefined) return signature(source, { type: 'task', task: source.task });
  const wrong = wrongPartial(partial);
  if (wrong !== undefined) throw new InvalidCanvasError('', `Task "${source.task}": ${wrong}`);
  return signature(source, { type: 'task', task: source.task, input: snapshot(source, partial) });
}

/** Why this cannot be merged with a result, or undefined. */
export function wrongPartial(partial: unknown): string | undefined {
  if (partial instanceof Promise) return 'the input is a promise: await it first.';
  const mergeable = typeof partial === 'object' && partial !== null && !Array.isArray(partial);
  return mergeable ? undefined : 's() takes an object with some fields of the input. A whole input is given with si().';
}

/** Of `task.si(input)`. @throws InvalidCanvasError, SerializationError */
export function immutable<Out>(source: SignatureSource, input: unknown): TaskSignature<unknown, Out> {
  if (input instanceof Promise) throw new InvalidCanvasError('', `Task "${source.task}": the input is a promise: await it first.`);
  const given = input === undefined ? {} : { input: snapshot(source, input) };
  return signature(source, { type: 'task', task: source.task, ...given, immutable: true });
}

/** Of `task.map(items)`. @throws InvalidCanvasError, SerializationError */
export function mapped<Out>(source: SignatureSource, items: Iterable<unknown>): TaskSignature<unknown, Out> {
  const input = snapshot(source, listOf(source, items, 'map'));
  return signature(source, { type: 'task', task: source.task, input, immutable: true, map: true });
}

/** Of `task.chunks(items, size)`. @throws InvalidCanvasError, SerializationError */
export function chunked<Out>(source: SignatureSource, items: Iterable<unknown>, size: number): GroupSignature<unknown, Out[], Out[]> {
  const all = listOf(source, items, 'chunks');
  if (!Number.isInteger(size) || size < 1)
    throw new InvalidCanvasError('', `Task "${source.task}": the size of chunks is a whole number from 1; it is ${String(size)}.`);
  const members = Array.from({ length: Math.ceil(all.length / size) }, (_, chunk) => {
    const input = snapshot(source, all.slice(chunk * size, (chunk + 1) * size));
    return sound<TaskTree>({ type: 'task', task: source.task, input, immutable: true, map: true });
  });
  return new GroupSignature({ tree: sound({ type: 'group', members }), runner: source.runner });
}

function signature<In, Out>({ runner }: SignatureSource, tree: TaskTree): TaskSignature<In, Out> {
  return new TaskSignature<In, Out>({ tree: sound(tree), runner });
}

function listOf(source: SignatureSource, items: unknown, method: string): readonly unknown[] {
  if (typeof items === 'object' && items !== null && Symbol.iterator in items) return Array.from(items as Iterable<unknown>);
  throw new InvalidCanvasError('', `Task "${source.task}": ${method} takes an array, or another iterable object, of inputs.`);
}

/** As the worker will read it, whatever the caller does with his object. @throws SerializationError */
function snapshot({ limits }: SignatureSource, input: unknown): unknown {
  return JSON.parse(encodePayload(input, 'input', limits));
}
