import { InvalidCanvasError } from '../errors.ts';
import { chainOf, withErrorHandler, withLink, withOptions } from './compose.ts';
import { assertFed } from './first-tasks.ts';
import type { Plan } from './plan.ts';
import type { CanvasRunner, RunHandle } from './run-handle.ts';
import { parseRunOptions, parseSignatureOptions } from './signature-options.ts';
import type { CanvasFailure, RunOptions, SignatureOptions, Tree } from './tree.ts';

/** Any signature at all. */
export type AnySignature = Signature<never, unknown>;

/** What a signature takes and gives; it exists for the compiler alone. */
export interface SignatureTypes<in In, out Out> {
  readonly takes: (input: In) => void;
  readonly gives: Out;
}

/** What a signature takes: from its predecessor, or at enqueue. */
export type TakenBy<S extends AnySignature> = NonNullable<S['~types']> extends { readonly takes: (input: infer In) => void } ? In : never;

/** What a signature gives to its successor, or as the result. */
export type GivenBy<S extends AnySignature> = NonNullable<S['~types']>['gives'];

/** What `enqueue` and `plan` take. Nothing need be given when nothing lacks. */
export type EnqueueArguments<In, Rest extends unknown[]> = undefined extends In ? [input?: In, ...rest: Rest] : [input: In, ...rest: Rest];

const BRAND = Symbol.for('oxbow.signature');

/** What a signature is made of. */
export interface SignatureParts<T extends Tree = Tree> {
  readonly tree: T;
  /** Of the app whose tasks are inside; undefined when none are. */
  readonly runner: CanvasRunner | undefined;
}

/**
 * Work that can be enqueued: a task with part of its input, or a canvas of such. Immutable: every method returns a new one.
 * `JSON.stringify` writes it down, `app.signature(json)` brings it back.
 *
 * @typeParam In - what it takes: its predecessor's result, or what is given at enqueue.
 * @typeParam Out - what it gives to its successor, or as the result.
 */
export class Signature<in In, out Out> {
  /** For the compiler; there is no such property. */
  declare readonly '~types'?: SignatureTypes<In, Out>;
  /** @internal */
  readonly parts: SignatureParts;

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /** @internal */
  constructor(parts: SignatureParts) {
    this.parts = parts;
  }

  /** True for signatures of any copy of this package, unlike `instanceof`. */
  static is(value: unknown): value is AnySignature {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /** A chain of this and what follows. */
  pipe<Next>(next: Signature<Out, Next>): Signature<In, Next> {
    const { trees, runner } = this.#beside(next, 'pipe');
    return new Signature({ tree: chainOf(trees), runner });
  }

  /**
   * Options for this signature; given again, an option replaces. Those of a canvas reach every job in it that has none of its own,
   * except `delay`, which delays the start.
   * @throws OxbowError `invalid_options`, `invalid_name`; InvalidCanvasError for `unique` and the like
   */
  with(options: SignatureOptions): this {
    return this.copy(withOptions(this.parts.tree, parseSignatureOptions(options, 'with()')));
  }

  /** Enqueued once after success, with what this gives; its own success or failure changes nothing here. Linked twice is linked once. */
  link(signature: Signature<Out, unknown>): this {
    const { trees, runner } = this.#beside(signature, 'link');
    return this.copy(withLink(this.parts.tree, trees[1] as Tree), runner);
  }

  /** Enqueued once after the final failure of this, with a {@link CanvasFailure}. Given twice is given once. */
  onError(signature: Signature<CanvasFailure, unknown>): this {
    const { trees, runner } = this.#beside(signature, 'onError');
    return this.copy(withErrorHandler(this.parts.tree, trees[1] as Tree), runner);
  }

  /**
   * Starts a run: the one handle for all of it.
   * @param args - what the first step (every member of a group, the header of a chord) still lacks; over what it has. Then options.
   * @throws InvalidCanvasError, InvalidInputError, SerializationError, OxbowError `invalid_options` before anything is sent;
   * EngineUnavailableError when the engine stays away. With `tx` as `task.enqueue`.
   */
  async enqueue<This extends AnySignature>(
    this: This,
    ...args: EnqueueArguments<TakenBy<This>, [options?: RunOptions]>
  ): Promise<RunHandle<GivenBy<This>>> {
    const [input, options] = args as [unknown, RunOptions?];
    const { given, tx } = parseRunOptions(options, 'enqueue of a canvas');
    const { tree, runner } = fed(this.parts, input, 'enqueue');
    return (await runner.enqueue(tree, input, given, tx)) as RunHandle<GivenBy<This>>;
  }

  /** What `enqueue` would store. Sends nothing. @throws as `enqueue`, before anything is sent. */
  plan<This extends AnySignature>(this: This, ...args: EnqueueArguments<TakenBy<This>, [options?: SignatureOptions]>): Plan {
    const [input, options] = args as [unknown, SignatureOptions?];
    const given = options === undefined ? undefined : parseSignatureOptions(options, 'plan of a canvas');
    const { tree, runner } = fed(this.parts, input, 'plan');
    return runner.plan(tree, input, given);
  }

  /** Plain JSON. */
  toJSON(): Tree {
    return this.parts.tree;
  }

  #beside(other: unknown, method: string): ReturnType<typeof partsOf> {
    return partsOf([this, other], () => `${method}()`);
  }

  /** Of the same class. */
  protected copy(tree: Tree, runner: CanvasRunner | undefined = this.parts.runner): this {
    return new (this.constructor as new (parts: SignatureParts) => this)({ tree, runner });
  }
}

/** Checks that with this input all is given. */
function fed({ tree, runner }: SignatureParts, input: unknown, method: string): { readonly tree: Tree; readonly runner: CanvasRunner } {
  assertFed(tree, input);
  if (runner !== undefined) return { tree, runner };
  throw new InvalidCanvasError('', `A canvas without any task belongs to no app: app.${method}(canvas) can tell.`);
}

/**
 * The same canvas, to be enqueued by this app: also one without any task.
 * @throws InvalidCanvasError for what is no signature, and for one of another app
 */
export function adopted(value: unknown, runner: CanvasRunner): AnySignature {
  const { trees, runner: own = runner } = partsOf([value], () => 'canvas');
  if (own !== runner) throw new InvalidCanvasError('canvas', `belongs to app "${own.app}", not to app "${runner.app}".`);
  return new Signature({ tree: trees[0] as Tree, runner });
}

/**
 * What signatures are made of, in their order, and the one app that they belong to.
 * @throws InvalidCanvasError for what is no signature, and for signatures of two apps
 */
export function partsOf(
  values: readonly unknown[],
  place: (index: number) => string,
): { readonly trees: readonly Tree[]; readonly runner: CanvasRunner | undefined } {
  let runner: CanvasRunner | undefined;
  const trees = values.map((value, index) => {
    if (!Signature.is(value)) throw new InvalidCanvasError(place(index), notASignature(value));
    const other = value.parts.runner;
    if (runner !== undefined && other !== undefined && runner !== other)
      throw new InvalidCanvasError(
        place(index),
        `belongs to app "${other.app}", the others to app "${runner.app}": a canvas is of one app.`,
      );
    runner ??= other;
    return value.parts.tree;
  });
  return { trees, runner };
}

function notASignature(value: unknown): string {
  if (value instanceof Promise) return 'is a promise, not a signature: pass task.s() or task.si(input), not what enqueue() returns.';
  const made = typeof value === 'object' && value !== null && 's' in value && 'si' in value;
  if (made) return 'is a task, not a signature: call its s() or si(input).';
  return `is ${value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value}, not a signature, as task.s() or group() gives.`;
}
