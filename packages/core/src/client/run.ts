import { isCall, placeOf, shapeOf, type RunPlace } from '../canvas/nodes.ts';
import { COLLECT, type CanvasMessage, type NodeIndex, type Plan } from '../canvas/plan.ts';
import type { RunHandle, RunMember, RunStatus, RunTree } from '../canvas/run-handle.ts';
import type { JobPlace, StoredJob } from '../engine/engine.ts';
import { InvalidCanvasError, OxbowError } from '../errors.ts';
import { gather } from '../execution/gathering.ts';
import { assertOutsideTask } from '../execution/running.ts';
import type { ResultStream } from '../results/result-stream.ts';
import { parseCancelOptions, type CancelOptions } from '../task/cancel-options.ts';
import { decodeEnvelope } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { Status } from '../task/status.ts';
import { changesOf } from './changes.ts';
import { forget } from './forget.ts';
import { JobHandle, type Added, type HandleSource, type ResultOptions } from './handle.ts';
import { retryFailed } from './run-retry.ts';
import { statesOf, type MemberState } from './run-states.ts';
import { nodeAt, together, toRunTree, type MemberPath } from './run-tree.ts';
import { isFinal, statusOf, toJobStatus } from './status.ts';

/** What the producer knows of a run that it has just enqueued. */
interface Known {
  readonly added?: Added;
  readonly plan?: Plan;
}

/** A run, from any process. It holds no resources. */
export class Run<Out = unknown> implements RunHandle<Out> {
  readonly id: string;
  readonly #source: HandleSource;
  readonly #root: JobPlace;
  readonly #job: JobHandle;
  #plan: Plan | undefined;

  /** @internal */
  constructor(source: HandleSource, root: JobPlace, { added, plan }: Known = {}) {
    this.id = publicId(root.id, root.queue);
    this.#source = source;
    this.#root = root;
    this.#job = new JobHandle(source, root.queue, root.id, added);
    this.#plan = plan;
  }

  async result(options: ResultOptions = {}): Promise<Out> {
    const value = await this.#job.result(options);
    const run = await this.#run();
    return isCollected(run) ? this.#gathered(run) : (value as Out);
  }

  async resultStream(options: ResultOptions = {}): Promise<ResultStream> {
    const stream = await this.#job.resultStream(options);
    const run = await this.#run();
    if (!isCollected(run)) return stream;
    stream.destroy();
    return this.#source.results.stream(await this.#gathered(run));
  }

  /** The list of a run that ends in a group is read from its members. */
  async #gathered(run: RunPlace): Promise<Out> {
    const join = await gather(this.#source, run, run.plan.root, this.#root);
    if (join.kind === 'value') return join.value as Out;
    throw new OxbowError('unknown_job', `The results of run ${this.id} are gone: retention has removed them.`);
  }

  async status(): Promise<RunStatus> {
    const { run, root, states } = await this.#look();
    const counts = { ...NONE, succeeded: run.plan.nodes.filter((node) => 'k' in node && node.t !== undefined).length };
    for (const at of tasksOf(run)) counts[states.get(at)?.status ?? 'parked']++;
    const { error } = toJobStatus(root, this.id);
    return {
      id: this.id,
      status: overall(
        root,
        tasksOf(run).map((at) => states.get(at)?.status ?? 'parked'),
      ),
      counts,
      error:
        error === undefined
          ? undefined
          : { name: error.name, message: error.message, ...(error.code === undefined ? {} : { code: error.code }) },
    };
  }

  async *changes(): AsyncGenerator<RunStatus, void, undefined> {
    assertOutsideTask();
    const run = await this.#run();
    const calls = run.plan.nodes.flatMap((node, at) => (isCall(node) ? [placeOf(run, at)] : []));
    const { closed, watcher } = this.#source;
    const watch = async (ring: () => void): Promise<() => void> => {
      const watches = await Promise.all(calls.map(({ queue, id }) => watcher.watch(queue, id, { onEvent: ring, onDoubt: ring })));
      return () => {
        for (const unwatch of watches) unwatch();
      };
    };
    yield* changesOf(closed, watch, () => this.status());
  }

  async tree(): Promise<RunTree> {
    const { run, root, states } = await this.#look();
    const tree = toRunTree(run, states);
    return isFinal(statusOf(root)) ? { ...tree, status: statusOf(root) } : tree;
  }

  async cancel(options: string | CancelOptions = {}): Promise<boolean> {
    return this.#job.cancel(parseCancelOptions(options, 'cancelled by run.cancel()'));
  }

  async forget(): Promise<void> {
    await forget(this.#source, await this.#find());
  }

  member(path: MemberPath): RunMember {
    const known = this.#plan;
    if (known !== undefined) nodeAt(known.t, path);
    const idOf = (): string => {
      if (this.#plan === undefined)
        throw new OxbowError('invalid_options', 'The id of a member is known when the run has been read: ask for its status() first.');
      return this.#member(this.#place(this.#plan), path).id;
    };
    const job = async (): Promise<JobHandle> => this.#member(await this.#run(), path);
    return {
      get id() {
        return idOf();
      },
      status: () => this.#memberStatus(path),
      result: async (options) => this.#published(path, async () => (await job()).result(options)),
      cancel: (options) => this.#published(path, async () => (await job()).cancelAlone(options), false),
    };
  }

  async retryFailed(): Promise<Run<Out>> {
    const retried = await retryFailed(this.#source, await this.#run(), await this.#find());
    return new Run<Out>(this.#source, { queue: retried.rootQueue, id: retried.rootId });
  }

  #member(run: RunPlace, path: MemberPath): JobHandle {
    const at = run.plan.nodes[nodeAt(run.plan.t, path)];
    if (at !== undefined && 'k' in at) throw new InvalidCanvasError(path.join('.'), 'was done by the run that this one tries again.');
    const { queue, id } = placeOf(run, nodeAt(run.plan.t, path));
    return new JobHandle(this.#source, queue, id);
  }

  /**
   * @param never - the answer of a step that has no job, and never will have one.
   * @throws OxbowError `not_published`
   */
  async #published<Answer>(path: MemberPath, ask: () => Promise<Answer>, never?: Answer): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      if (!(OxbowError.is(error) && error.code === 'unknown_job')) throw error;
      const { status } = await this.#memberStatus(path);
      if (status === 'parked')
        throw new OxbowError(
          'not_published',
          `The step ${path.join('.')} of run ${this.id} has no job yet: those before it have not ended.`,
        );
      if (isFinal(status) && never !== undefined) return never;
      // It has come meanwhile.
      if (!isFinal(status)) return ask();
      throw error;
    }
  }

  async #memberStatus(path: MemberPath): ReturnType<RunMember['status']> {
    const { run, states } = await this.#look();
    const node = nodeAt(run.plan.t, path);
    return { id: this.#member(run, path).id, task: shapeOf(run.plan, node).task, status: states.get(node)?.status ?? 'parked' };
  }

  async #look(): Promise<{ readonly run: RunPlace; readonly root: StoredJob; readonly states: ReadonlyMap<NodeIndex, MemberState> }> {
    const root = await this.#find();
    const run = this.#place(this.#plan ?? planOf(root));
    return { run, root, states: await statesOf(this.#source.engine, run, root) };
  }

  async #run(): Promise<RunPlace> {
    return this.#place(this.#plan ?? planOf(await this.#find()));
  }

  #place(plan: Plan): RunPlace {
    this.#plan = plan;
    return { plan, rootId: this.#root.id, rootQueue: this.#root.queue };
  }

  async #find(): Promise<StoredJob> {
    const { queue, id } = this.#root;
    const job = await this.#source.engine.find(queue, id);
    if (job === undefined)
      throw new OxbowError('unknown_job', `There is no run ${this.id}: the id is wrong, or retention has removed the run.`);
    return job;
  }
}

const NONE: Record<Status, number> = {
  waiting: 0,
  delayed: 0,
  parked: 0,
  started: 0,
  retrying: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  skipped: 0,
};

function isCollected({ plan }: RunPlace): boolean {
  return shapeOf(plan, plan.root).task === COLLECT;
}

/** Collectors are no tasks of the canvas. */
function tasksOf({ plan }: RunPlace): readonly NodeIndex[] {
  return plan.nodes.flatMap((node, at) => (isCall(node) && shapeOf(plan, at).task !== COLLECT ? [at] : []));
}

/** The run ends with its last job. A failure before that may be a group's that settles. */
function overall(root: StoredJob, statuses: readonly Status[]): Status {
  const own = statusOf(root);
  if (own !== 'parked') return own === 'waiting' && statuses.length > 1 && statuses.includes('succeeded') ? 'started' : own;
  const open = together(statuses.filter((status) => !isFinal(status) || status === 'succeeded'));
  return isFinal(open) ? 'started' : open;
}

/** A job alone is a run of one task; its plan is not stored. */
function planOf(job: StoredJob): Plan {
  const decoded = decodeEnvelope(job.data);
  const message = decoded.kind === 'envelope' ? (decoded.envelope.canvas as CanvasMessage | undefined) : undefined;
  if (message?.plan !== undefined && message.p === undefined) return message.plan;
  const shape = { task: job.name, queue: job.queue };
  return { v: 1, shapes: [shape], nodes: [{ s: 0 }], root: 0, first: 0, scopes: [], lenient: [], t: 0 };
}
