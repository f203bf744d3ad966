/** Runs a plan as workers and an engine would, in memory and in any order: jobs, parents, pending children. */
import { assemble, awaited } from '../gather.ts';
import { toInput, withStart } from '../input.ts';
import { placeOf, shapeOf, type RunPlace } from '../nodes.ts';
import { COLLECT, type Call, type NodeIndex, type Plan } from '../plan.ts';
import { begin, fanOut, follow, type Draft } from '../publish.ts';
import { errorHandlers } from '../scopes.ts';

interface Failure {
  readonly node: NodeIndex;
  readonly status: 'failed';
  readonly error: string;
  /** Nodes that made it fail, itself when it failed by itself. */
  readonly origins: readonly NodeIndex[];
}

interface Job {
  readonly draft: Draft;
  readonly children: Job[];
  pending: number;
  state: 'waiting' | 'parked' | 'succeeded' | 'failed';
  value?: unknown;
  failure?: Failure;
}

/** How a call ends that its members have failed. */
class MembersFailed extends Error {
  readonly origins: readonly NodeIndex[];

  constructor(message: string, origins: readonly NodeIndex[]) {
    super(message);
    this.origins = origins;
  }
}

export class InMemoryEngine {
  readonly #jobs = new Map<string, Job>();
  readonly #waiting: Job[] = [];
  readonly #run: (task: string, input: unknown) => unknown;
  /** Which of so many waiting jobs is next. */
  readonly #choose: (waiting: number) => number;

  constructor(run: (task: string, input: unknown) => unknown, choose: (waiting: number) => number) {
    this.#run = run;
    this.#choose = choose;
  }

  /** @throws Error when jobs are left that nothing will ever start */
  finish(run: RunPlace): { readonly value: unknown } | { readonly failure: string } {
    this.#add(begin(run));
    for (;;) {
      const [job] = this.#waiting.splice(this.#choose(this.#waiting.length), 1);
      if (job === undefined) break;
      this.#work(job);
    }
    const stuck = [...this.#jobs.values()].filter(({ state }) => state === 'parked').map(({ draft }) => draft.id);
    if (stuck.length > 0) throw new Error(`parked for ever: ${stuck.join()}`);
    const root = this.#jobs.get(run.rootId) as Job;
    return root.failure === undefined ? { value: root.value } : { failure: root.failure.error };
  }

  /** What calls of a run other than its last one have given. */
  valuesOf({ plan, rootId }: RunPlace): ReadonlyMap<NodeIndex, unknown> {
    const calls = [...plan.nodes.keys()].filter((at) => at !== plan.root);
    const jobs = calls.map((at) => [at, this.#jobs.get(`${rootId}-${at}`)] as const);
    return new Map(jobs.flatMap(([at, job]) => (job?.state === 'succeeded' ? [[at, job.value] as const] : [])));
  }

  #add(drafts: readonly Draft[]): void {
    for (const draft of drafts) {
      if (this.#jobs.has(draft.id)) throw new Error(`added twice: ${draft.id}`);
      const job: Job = { draft, children: [], pending: 0, state: draft.parked === true ? 'parked' : 'waiting' };
      this.#jobs.set(draft.id, job);
      if (draft.parked !== true) this.#waiting.push(job);
      if (draft.parent === undefined) continue;
      const parent = this.#jobs.get(draft.parent.id);
      if (parent === undefined) throw new Error(`${draft.id} has no parent ${draft.parent.id}`);
      parent.children.push(job);
      parent.pending += 1;
    }
    for (const { id, parked } of drafts)
      if (parked === true && this.#jobs.get(id)?.pending === 0) throw new Error(`a join without a child: ${id}`);
  }

  #work(job: Job): void {
    const { message, parent, id } = job.draft;
    const run = this.#runOf(job);
    const index = message.p ?? run?.plan.root ?? 0;
    try {
      if (message.r !== undefined && parent !== undefined && run !== undefined) {
        this.#add(fanOut(run, message, parent));
        this.#succeed(job, null);
        return;
      }
      const value = JSON.parse(JSON.stringify(this.#execute(job, run, index) ?? null)) as unknown;
      // As the running job's own, before it has ended: another job may read it then.
      job.value = value;
      if (run !== undefined) this.#add(follow(run, index, value, parent)?.drafts ?? []);
      this.#succeed(job, value);
    } catch (error) {
      if (/^(?:added twice|a join without|.* has no parent)/u.test((error as Error).message)) throw error;
      const by = error instanceof MembersFailed ? error.origins : [];
      const handlers = run === undefined ? [] : errorHandlers(run, index, by);
      for (const handler of handlers) {
        // Computed ids: a scope that has failed already says nothing twice.
        if (this.#jobs.has(handler.rootId)) continue;
        this.#add(
          begin({ plan: handler.plan, rootId: handler.rootId, rootQueue: shapeOf(handler.plan, handler.plan.root).queue }, { runId: id }),
        );
      }
      this.#fail(job, { node: index, status: 'failed', error: (error as Error).message, origins: by.length > 0 ? by : [index] });
    }
  }

  #execute({ draft, children }: Job, run: RunPlace | undefined, index: NodeIndex): unknown {
    const { message, task } = draft;
    let value = message.w === undefined || run === undefined ? message.v : this.#jobs.get(placeOf(run, message.w).id)?.value;
    if (run !== undefined && (run.plan.nodes[index] as Call).b !== undefined) value = this.#gather(run, index, children);
    if (task === COLLECT) return value;
    const started = message.s === 1 && run !== undefined;
    const own = started ? withStart(draft.input, message.k, run.plan.input) : draft.input;
    const { k: _, ...keyless } = message;
    const how = started ? { ...keyless, ...(message.k === undefined ? {} : { i: 1 as const }) } : message;
    const input = toInput(task, own, how, value);
    return message.m === 1 ? (input as unknown[]).map((item) => this.#run(task, item)) : this.#run(task, input);
  }

  #gather({ plan, rootId }: RunPlace, join: NodeIndex, children: readonly Job[]): unknown {
    const nodeOf = (job: Job): NodeIndex => Number.parseInt(job.draft.id.slice(rootId.length + 1), 10);
    const values = new Map(
      children.flatMap((job) => (job.state === 'succeeded' && job.draft.message.r === undefined ? [[nodeOf(job), job] as const] : [])),
    );
    const needed = awaited(plan, join);
    // As a worker does: failures are read only when a value is missing.
    const failed = needed.every((at) => values.has(at)) ? [] : children;
    const failures = new Map(failed.flatMap((job) => (job.failure === undefined ? [] : [[nodeOf(job), job.failure] as const])));
    const gathered = assemble(
      plan,
      join,
      (at) => (needed.includes(at) ? (values.get(at) as { readonly value: unknown } | undefined) : undefined),
      failures,
    );
    if (gathered.kind === 'value') return gathered.value;
    const all = [...failures.values()].flatMap(({ node, origins }) => [node, ...origins]);
    if (gathered.kind === 'quorum') throw new MembersFailed('quorum', all);
    if (gathered.failure === undefined) throw new Error(`${join} lacks a value, and nothing has failed`);
    throw new MembersFailed(gathered.failure.error, all);
  }

  #succeed(job: Job, value: unknown): void {
    job.state = 'succeeded';
    job.value = value;
    const parent = this.#parentOf(job);
    if (parent !== undefined) this.#childEnded(parent);
  }

  #fail(job: Job, failure: Failure): void {
    job.state = 'failed';
    job.failure = failure;
    const parent = this.#parentOf(job);
    if (parent === undefined) return;
    this.#childEnded(parent);
    if (job.draft.ignore !== true) this.#release(parent);
  }

  #childEnded(parent: Job): void {
    parent.pending -= 1;
    if (parent.pending === 0) this.#release(parent);
  }

  #release(join: Job): void {
    if (join.state !== 'parked') return;
    join.state = 'waiting';
    this.#waiting.push(join);
  }

  #parentOf({ draft }: Job): Job | undefined {
    return draft.parent === undefined ? undefined : this.#jobs.get(draft.parent.id);
  }

  /** The plan comes with the message or from the root; a job that nothing follows has no need of it. */
  #runOf({ draft }: Job): RunPlace | undefined {
    const { id, message, queue } = draft;
    const rootId = message.p === undefined ? id : id.slice(0, id.lastIndexOf(`-${message.p}`));
    if (message.l === 1 && message.w === undefined) return undefined;
    const plan = (message.plan ?? this.#jobs.get(rootId)?.draft.message.plan) as Plan;
    return { plan, rootId, rootQueue: message.q ?? queue };
  }
}
