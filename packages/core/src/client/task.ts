import type { GroupSignature } from '../canvas/group.ts';
import type { Lacking, NoOthers, PartialInput } from '../canvas/partial-input.ts';
import type { Signature } from '../canvas/signature.ts';
import { chunked, immutable, mapped, mutable, type SignatureSource, type TaskSignature } from '../canvas/task-signature.ts';
import { OxbowError } from '../errors.ts';
import type { TaskContext } from '../execution/context.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { refuseTransaction } from '../task/sql-executor.ts';
import { prepareJob, together, type EnqueuedAs, type EnqueueOptions, type EnqueueSettings, type Prepared } from './enqueue.ts';
import { JobHandle, type HandleSource } from './handle.ts';
import { send } from './send.ts';

/** A handler: gets the schema's output form, returns what the output schema takes (or any JSON). */
export type Handler<Input, Returned, Deps, State extends string> = (
  input: Input,
  ctx: TaskContext<Deps, State>,
) => Returned | Promise<Returned>;

/** `enqueue()` without an argument is for tasks that take none. */
export type InputArguments<In, Rest extends unknown[]> = undefined extends In ? [input?: In, ...rest: Rest] : [input: In, ...rest: Rest];

/**
 * A declared task: enqueues jobs of itself.
 *
 * @typeParam In - what producers give (the schema's input form).
 * @typeParam Result - what `handle.result()` resolves to.
 */
export class Task<In, Result> {
  readonly name: string;
  readonly queue: string;
  readonly #definition: TaskDefinition;
  readonly #settings: EnqueueSettings;
  readonly #handles: HandleSource;

  /** @internal */
  constructor(definition: TaskDefinition, settings: EnqueueSettings, handles: HandleSource) {
    this.name = definition.name;
    this.queue = definition.queue;
    this.#definition = definition;
    this.#settings = settings;
    this.#handles = handles;
  }

  /**
   * Adds one job in one round trip; in two with an idempotency key, which an earlier enqueue may have: then the handle is of that one's job.
   * When it resolves the engine has the job.
   * @throws InvalidInputError, SerializationError and OxbowError `invalid_options` before anything is sent;
   * EngineUnavailableError when the engine stays away (the call may be repeated); IdempotencyMismatchError; NotUniqueError. With `tx` OxbowError `transaction_unsupported`,
   * `invalid_transaction`, and what `tx` rejects with: a statement that fails has aborted the transaction.
   */
  async enqueue(...[input, options]: InputArguments<In, [options?: EnqueueOptions]>): Promise<JobHandle<Result>> {
    const prepared = prepareJob(this.#settings, this.#definition, input, options);
    return this.#send(prepared instanceof Promise ? await prepared : prepared);
  }

  /** @internal `enqueue` under an id of the caller's choosing: an id that exists is left as it is. */
  async enqueueAs(as: EnqueuedAs, input: unknown, options?: EnqueueOptions): Promise<JobHandle<Result>> {
    return this.#send(await prepareJob(this.#settings, this.#definition, input, options, as));
  }

  /** Celery's short form: enqueue with no options. @throws as `enqueue` */
  async delay(...given: InputArguments<In, []>): Promise<JobHandle<Result>> {
    refuseTransaction((given as readonly unknown[])[1], `delay() of "${this.name}"`);
    return this.#enqueue(given[0]);
  }

  /**
   * Adds many jobs in one round trip, after one for their idempotency keys, which the task's own function makes; handles come in the order of the inputs. Every input is checked before any is
   * sent. Jobs are added one by one, not as a whole: when the engine refuses some, the others stand.
   * @throws as `enqueue`; AggregateError when the engine refused several. With `tx` they stand or fall with the transaction.
   */
  async enqueueMany(inputs: Iterable<In>, options?: Omit<EnqueueOptions, 'idempotencyKey'>): Promise<readonly JobHandle<Result>[]> {
    if (typeof inputs !== 'object' || inputs === null || !(Symbol.iterator in inputs)) {
      throw new OxbowError('invalid_options', `enqueueMany of "${this.name}" takes an array, or another iterable object, of inputs.`);
    }
    if ((options as EnqueueOptions | undefined)?.idempotencyKey !== undefined)
      throw new OxbowError(
        'invalid_options',
        `enqueueMany of "${this.name}": an idempotencyKey is of one job. Let the task's own key function make them.`,
      );
    const prepared = await Promise.all(Array.from(inputs, async (input) => prepareJob(this.#settings, this.#definition, input, options)));
    const settled = await Promise.allSettled(together(this.#settings, prepared).map((one) => this.#send(one)));
    const refused = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    if (refused.length === 1 || (refused.length > 0 && options?.tx !== undefined)) throw refused[0] as Error;
    if (refused.length > 1)
      throw new AggregateError(
        refused,
        `${refused.length} of ${prepared.length} jobs of task "${this.name}" were refused; the others stand.`,
      );
    return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  /** A signature that takes the whole input: from its predecessor, or at enqueue. */
  s(): TaskSignature<In, Result>;
  /**
   * A signature with part of the input. Its predecessor's result is merged in, below the partial, or lands under the key that `.receive(key)` names.
   * @throws InvalidCanvasError when the partial is no plain object; SerializationError
   */
  s<const Given extends PartialInput<In>>(partial: Given & NoOthers<Given, In>): TaskSignature<Lacking<In, Given>, Result>;
  s(partial?: unknown): TaskSignature<never, Result> {
    return mutable(this.#source(), partial);
  }

  /** A signature with the whole input, which ignores its predecessor's result. @throws SerializationError */
  si(...[input]: InputArguments<In, []>): Signature<unknown, Result> {
    return immutable<Result>(this.#source(), input);
  }

  /**
   * One job that runs the handler on every item, in order; it gives the list. Any failure fails the whole. Ignores its predecessor's result.
   * @throws InvalidCanvasError when `items` is not iterable; SerializationError
   */
  map(items: Iterable<In>): Signature<unknown, Result[]> {
    return mapped<Result[]>(this.#source(), items);
  }

  /**
   * A group of `map` jobs of `size` items each, the last of fewer; it gives a list of lists.
   * @throws InvalidCanvasError when `items` is not iterable, or `size` no whole number from 1; SerializationError
   */
  chunks(items: Iterable<In>, size: number): GroupSignature<unknown, Result[][]> {
    return chunked<Result[]>(this.#source(), items, size);
  }

  #source(): SignatureSource {
    return { task: this.name, runner: this.#settings.canvas, limits: this.#settings.limits };
  }

  async #enqueue(input: In | undefined): Promise<JobHandle<Result>> {
    const prepared = prepareJob(this.#settings, this.#definition, input, undefined);
    return this.#send(prepared instanceof Promise ? await prepared : prepared);
  }

  async #send(prepared: Prepared): Promise<JobHandle<Result>> {
    const { watcher, toldEnds } = this.#handles;
    const mark = watcher.mark(prepared.queue);
    const { place, created, replay, addition, isTold } = await send(this.#settings, prepared, toldEnds.addressFor(prepared.queue));
    return new JobHandle<Result>(this.#handles, place.queue, place.id, {
      mark: created ? mark : undefined,
      created,
      replay,
      addition,
      isTold,
    });
  }
}

/**
 * A task without its handler, so that a producer never bundles handlers. A worker's module adds it.
 *
 * @typeParam Input - what the handler gets.
 * @typeParam Returned - what the handler must return.
 */
export class Contract<In, Input, Returned, Result, Deps, State extends string> extends Task<In, Result> {
  readonly #implement: (handler: Handler<Input, Returned, Deps, State>) => void;

  /** @internal */
  constructor(definition: TaskDefinition, settings: EnqueueSettings, handles: HandleSource) {
    super(definition, settings, handles);
    this.#implement = (handler) => {
      if (typeof handler !== 'function')
        throw new OxbowError('invalid_options', `implement of task "${definition.name}" takes the handler function.`);
      if (definition.handler !== undefined) throw new OxbowError('duplicate_task', `Task "${definition.name}" is implemented already.`);
      definition.handler = handler as TaskDefinition['handler'];
    };
  }

  /** Adds the handler; once. @throws OxbowError `duplicate_task` */
  implement(handler: Handler<Input, Returned, Deps, State>): this {
    this.#implement(handler);
    return this;
  }
}
