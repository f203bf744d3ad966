import { compile, type CompileSettings } from '../canvas/compile.ts';
import { knownInputs } from '../canvas/known-inputs.ts';
import { subRun, type RunPlace } from '../canvas/nodes.ts';
import { COLLECT, DEADLINE, type Plan } from '../canvas/plan.ts';
import { begin } from '../canvas/publish.ts';
import type { CanvasRunner, RunHandle } from '../canvas/run-handle.ts';
import type { SignatureOptions, Tree } from '../canvas/tree.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Addition, Engine, FlowJob } from '../engine/engine.ts';
import { toFlow } from '../execution/publication.ts';
import type { FlowAdder } from '../execution/flow-adder.ts';
import { parseDuration, type Duration } from '../task/duration.ts';
import { encodeEnvelope } from '../task/envelope.ts';
import { newRunId } from '../task/id.ts';
import { encodePayload, type PayloadLimits } from '../task/payload.ts';
import { parse, type Schema } from '../task/schema.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';
import type { EnqueuedAs } from './enqueue.ts';
import type { HandleSource } from './handle.ts';
import { Run } from './run.ts';
import { isThere, transactionsOf } from './transaction.ts';

export interface CanvasClientSettings {
  readonly app: string;
  readonly engine: Engine;
  readonly flows: FlowAdder;
  readonly limits: PayloadLimits;
  readonly compile: CompileSettings;
  /** What a task's input is checked by. */
  readonly inputOf: (task: string) => Schema | undefined;
  readonly handles: HandleSource;
  /** One that a task of the app has. */
  readonly someQueue: () => string | undefined;
}

/** Enqueues canvases: all of a run that can start, and its last job, in one atomic add. */
export class CanvasClient implements CanvasRunner {
  readonly app: string;
  readonly #settings: CanvasClientSettings;

  constructor(settings: CanvasClientSettings) {
    this.app = settings.app;
    this.#settings = settings;
  }

  plan(written: Tree, input: unknown, given: SignatureOptions | undefined, at: number = Date.now()): Plan {
    const { tree, options } = withGiven(written, given);
    const { limits } = this.#settings;
    const settings = { ...this.#settings.compile, at };
    if (input !== undefined) encodePayload(input, 'input', limits);
    const plan = compile(tree, settings, options, input);
    const queue = options?.queue ?? this.#settings.someQueue();
    // Nobody need serve the default queue, and a canvas without any task has no other.
    return queue === undefined || plan.shapes.some(({ task }) => task !== COLLECT)
      ? plan
      : compile(tree, settings, { ...options, queue }, input);
  }

  enqueue(tree: Tree, input: unknown, options: SignatureOptions | undefined, tx: SqlExecutor | undefined): Promise<RunHandle> {
    return this.enqueueAs({ id: newRunId(), at: Date.now(), again: false, tx }, tree, input, options);
  }

  /** @param again - a run of this id may have been enqueued before: then nothing is added. */
  async enqueueAs(
    { id, at, again, tx }: EnqueuedAs & { readonly again: boolean; readonly tx: SqlExecutor | undefined },
    written: Tree,
    input: unknown,
    given: SignatureOptions | undefined,
  ): Promise<Run> {
    const { tree, options } = withGiven(written, given);
    const { engine, flows, handles } = this.#settings;
    if (tx !== undefined) transactionsOf(engine, 'enqueue of a canvas: tx');
    const run = subRun(this.plan(tree, input, options, at), id);
    const expires = options?.expires ?? (tree.type === 'task' ? undefined : tree.options?.expires);
    const delay = options?.delay ?? tree.options?.delay;
    await this.#checkInputs(tree, input);
    const mark = handles.watcher.mark(run.rootQueue);
    let addition: Addition | undefined;
    if (!again || !(await isThere(engine, { queue: run.rootQueue, id }, tx))) {
      const flow = toFlow(begin(run));
      addition = await flows.add(expires === undefined ? flow : [...flow, deadline(run, expires, delay)], undefined, tx);
      crashpoint('after-add-before-reply');
    }
    return new Run(handles, { queue: run.rootQueue, id }, { added: { mark, addition }, plan: run.plan });
  }

  /** Those that no result adds to. @throws InvalidInputError */
  async #checkInputs(tree: Tree, start: unknown): Promise<void> {
    for (const { task, input } of knownInputs(tree, start)) {
      const schema = this.#settings.inputOf(task);
      const checked = schema === undefined ? undefined : parse(schema, input, task);
      // Nearly no schema is asynchronous.
      if (checked instanceof Promise) await checked;
    }
  }
}

/** What is given at the enqueue of one task is said of that very job, so it wins; in a canvas a signature's own wins. */
function withGiven(
  tree: Tree,
  given: SignatureOptions | undefined,
): { readonly tree: Tree; readonly options: SignatureOptions | undefined } {
  if (tree.type !== 'task' || given === undefined) return { tree, options: given };
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as SignatureOptions;
  const headers = { ...tree.options?.headers, ...given.headers };
  const options = { ...tree.options, ...said, ...(Object.keys(headers).length === 0 ? {} : { headers }) };
  return { tree: { ...tree, options }, options: undefined };
}

/** The job that ends the run when its time is over. */
function deadline({ rootId: id, rootQueue: queue }: RunPlace, expires: Duration, delay: Duration = 0): FlowJob {
  const timestamp = Date.now();
  const delayMs = parseDuration(delay, 'enqueue of a canvas: delay') + parseDuration(expires, 'enqueue of a canvas: expires');
  const reason = `The run has not ended by ${new Date(timestamp + delayMs).toISOString()}, when it expired.`;
  const data = encodeEnvelope(JSON.stringify({ id, queue, end: 'expired', reason }), undefined, undefined);
  return { queue, id: `${id}-deadline`, name: DEADLINE, data, timestamp, delayMs: Math.max(1, delayMs) };
}
