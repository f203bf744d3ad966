import { InvalidCanvasError } from '../errors.ts';
import { parseDuration } from '../task/duration.ts';
import { withStart } from './input.ts';
import { membersOf } from './nodes.ts';
import { COLLECT, type Fork, type NodeIndex, type Plan, type Scope } from './plan.ts';
import { isDraftCall, PlanNodes, type DraftCall, type Mutable, type Part } from './plan-nodes.ts';
import type { ChainTree, ChordTree, GroupTree, SignatureOptions, TaskTree, Tree } from './tree.ts';

/** What compiling needs to know of an app. */
export interface CompileSettings {
  /** Undefined for a task that is not declared. `lone`: its option by which it can be no step of a canvas. */
  task(name: string): { readonly queue: string; readonly attempts: number; readonly lone?: string | undefined } | undefined;
  /** BullMQ's priority of a job on a queue. @throws OxbowError `invalid_options` when the queue has none and one is given */
  priority(queue: string, priority: number | undefined): number | undefined;
  /** Where a job goes that says no queue itself; what is left out is as without it. */
  route?(call: StepCall): { readonly queue?: string; readonly priority?: number } | undefined;
  /** When the canvas counts as enqueued, in ms. @defaultValue now */
  readonly at?: number;
  /** A signature gives the task more than one attempt. @throws OxbowError `invalid_options` */
  repeats?(task: string): void;
}

/** A step as it is known before anything runs. */
export interface StepCall {
  readonly task: string;
  readonly input: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly at: number;
}

const MAX_PLAN_BYTES = 8 * 1024 * 1024;
const DEFAULT_QUEUE = 'default';

type Inherited = Omit<SignatureOptions, 'delay' | 'expires'>;

/** What reaches only the first jobs of a canvas. */
type Start = Pick<SignatureOptions, 'delay' | 'expires'> & { readonly input?: unknown };

/**
 * A canvas as its jobs. Pure, but for the time that jobs may be routed by; the same tree and settings give the same plan.
 *
 * @param options - reach every job without its own; `delay` reaches the first ones. `expires` is the caller's business.
 * @param input - what the first calls still lack.
 * @throws InvalidCanvasError; OxbowError `invalid_options`
 */
export function compile(tree: Tree, settings: CompileSettings, options: SignatureOptions = {}, input?: unknown): Plan {
  return new Compiler(settings).compile(tree, options, input, false);
}

/** A plan whose root only gathers: the job that it replaces. @param home - that job's queue, which somebody serves. */
export function compileReplacement(tree: Tree, settings: CompileSettings, home: string): Plan {
  return new Compiler(settings, home).compile(tree, {}, undefined, true);
}

class Compiler {
  readonly #settings: CompileSettings;
  readonly #at: number;
  readonly #nodes = new PlanNodes();
  readonly #scopes: Scope[] = [];
  /** Around the part that is being compiled. */
  readonly #lenient: NodeIndex[] = [];
  readonly #allLenient: NodeIndex[] = [];
  /** Collectors that have no call before them. */
  readonly #homeless: { readonly collector: DraftCall; readonly options: Inherited }[] = [];

  /** Queue of what starts this canvas, a link or an error handler: where it goes when it has no task. */
  readonly #home: string;

  constructor(settings: CompileSettings, home: string = DEFAULT_QUEUE) {
    this.#settings = settings;
    this.#at = settings.at ?? Date.now();
    this.#home = home;
  }

  compile(tree: Tree, options: SignatureOptions, input: unknown, collects: boolean): Plan {
    const { delay, expires: _deadline, ...inherited } = options;
    const part = this.#part(tree, inherited, { ...(delay === undefined ? {} : { delay }), ...(input === undefined ? {} : { input }) });
    const root = this.#root(part, inherited, collects);
    if (input !== undefined) this.#start(part.entry);
    this.#house();
    const plan = this.#nodes.build(root, part, this.#scopes, this.#allLenient, input);
    const bytes = Buffer.byteLength(JSON.stringify(plan));
    if (bytes > MAX_PLAN_BYTES) {
      throw new InvalidCanvasError(
        '',
        `The canvas has a plan of ${bytes} bytes; the limit is ${MAX_PLAN_BYTES}. Store the inputs elsewhere and send references.`,
      );
    }
    return plan;
  }

  #part(tree: Tree, inherited: Inherited, start: Start): Part {
    const at = this.#nodes.length;
    const { delay, expires, ...own } = tree.options ?? {};
    const options = inherit(own, inherited);
    const begins = { ...start, ...(delay === undefined ? {} : { delay }), ...(expires === undefined ? {} : { expires }) };
    const plain = this.#bare(tree, options, begins);
    const part = tree.type === 'task' || tree.links === undefined ? plain : this.#linked(plain, tree.links, options);
    if (tree.type !== 'task' && tree.errors !== undefined && tree.errors.length > 0) this.#scope(at, part, tree.errors, options);
    return part;
  }

  #bare(tree: Tree, options: Inherited, start: Start): Part {
    switch (tree.type) {
      case 'task':
        return this.#task(tree, options, start);
      case 'chain':
        return this.#chain(tree, options, start);
      case 'group':
        return this.#group(tree, options, start);
      case 'chord':
        return this.#chord(tree, options, start);
    }
  }

  #task(tree: TaskTree, options: Inherited, start: Start): Part {
    const facts = this.#settings.task(tree.task);
    if (facts === undefined)
      throw new InvalidCanvasError('', `The canvas has a signature of task "${tree.task}", which this app does not declare.`);
    if (facts.lone !== undefined)
      throw new InvalidCanvasError(
        '',
        `Task "${tree.task}" has the option "${facts.lone}", which decides whether a job is added at all: it cannot be a step of a canvas.`,
      );
    const attempts = options.retry?.attempts ?? facts.attempts;
    if ((options.retry?.attempts ?? 1) > 1) this.#settings.repeats?.(tree.task);
    const route = options.queue === undefined ? this.#route(tree, options, start) : undefined;
    const priority = options.priority ?? route?.priority;
    const call = this.#call(tree.task, options.queue ?? route?.queue ?? facts.queue, priority === undefined ? {} : { priority });
    if (attempts > 1 || facts.attempts > 1) call.shape.attempts = attempts;
    if (options.headers !== undefined) call.shape.headers = options.headers;
    if (start.delay !== undefined) call.shape.delayMs = parseDuration(start.delay, `signature of "${tree.task}": delay`);
    if (start.expires !== undefined) call.shape.expiresMs = parseDuration(start.expires, `signature of "${tree.task}": expires`);
    if (tree.receive !== undefined) call.shape.receive = tree.receive;
    if (tree.immutable === true || tree.map === true) call.shape.immutable = 1;
    if (tree.map === true) call.shape.map = 1;
    if (tree.input !== undefined) call.in = tree.input;
    if (tree.links !== undefined && tree.links.length > 0) call.l = this.#plans(tree.links, options, call.shape.queue);
    if (tree.errors !== undefined && tree.errors.length > 0) call.e = this.#plans(tree.errors, options, call.shape.queue);
    return this.#nodes.single(call);
  }

  #route(tree: TaskTree, { headers = {} }: Inherited, start: Start): ReturnType<NonNullable<CompileSettings['route']>> {
    const isFed = start.input !== undefined && tree.immutable !== true;
    const input = isFed ? withStart(tree.input, tree.receive, start.input) : tree.input;
    return this.#settings.route?.({ task: tree.task, input, headers, at: this.#at });
  }

  #chain(tree: ChainTree, options: Inherited, start: Start): Part {
    const [first, ...rest] = tree.steps;
    if (first === undefined) throw new InvalidCanvasError('', 'A chain needs at least one step.');
    const at = this.#nodes.length;
    let part = this.#part(first, options, start);
    const outlines = [part.outline];
    for (const step of rest) outlines.push((part = this.#follow(part, step, options)).outline);
    const outline = { c: outlines };
    return this.#nodes.isJobless(at) ? this.#constant(at, this.#nodes.valueOf(part.value), outline) : { ...part, outline };
  }

  /** What has no job cannot fail: the scopes in it are gone with their nodes. */
  #constant(at: NodeIndex, value: unknown, outline: Part['outline']): Part {
    while ((this.#scopes.at(-1)?.a ?? -1) >= at) this.#scopes.pop();
    return this.#nodes.constant(at, value, outline);
  }

  #chord(tree: ChordTree, options: Inherited, start: Start): Part {
    const header = this.#part(tree.header, options, start);
    const body = this.#follow(header, tree.body, options);
    return { ...body, outline: { d: [header.outline, body.outline] } };
  }

  #group(tree: GroupTree, options: Inherited, start: Start): Part {
    const at = this.#nodes.length;
    const policy = tree.join === undefined || tree.join === 'failFast' ? undefined : tree.join;
    const fork: Mutable<Fork> = { m: [], c: -1, z: -1 };
    if (policy !== undefined) fork.p = policy;
    if (tree.cancelRest === true) fork.rest = 1;
    this.#nodes.add(fork);
    if (policy !== undefined) this.#lenient.push(at);
    const members = tree.members.map((member) => this.#member(member, options, start));
    if (policy !== undefined) this.#lenient.pop();
    if (this.#nodes.isJobless(at + 1)) {
      const values = members.map(({ value }) => this.#nodes.valueOf(value));
      const value = policy === 'settle' ? values.map((one) => ({ status: 'succeeded', value: one })) : values;
      return this.#constant(at, value, { g: members.map(({ outline }) => outline) });
    }
    if (policy !== undefined) this.#allLenient.push(at);
    const entries = members.map(({ entry }) => entry);
    const single = this.#nodes.length === at + 1 + entries.length && entries.every((entry) => isDraftCall(this.#nodes.at(entry)));
    fork.m = single ? entries.length : entries;
    fork.z = this.#nodes.length;
    const tasks = single && members.every((member) => typeof member.outline === 'number');
    const outline = tasks ? { g: entries.length, a: at + 1 } : { g: members.map((member) => member.outline) };
    return { entry: at, tail: undefined, open: [at, ...members.flatMap(({ open }) => open)], value: at, outline };
  }

  /** A quorum can only be missed at a join of its own. */
  #member(tree: Tree, options: Inherited, start: Start): Part {
    const part = this.#part(tree, options, start);
    return part.open.some((at) => typeof (this.#nodes.at(at) as Fork).p === 'object') ? this.#collected(part, options) : part;
  }

  #follow(part: Part, next: Tree, options: Inherited): Part {
    const before = this.#isFollowedByCall(part, next) ? part : this.#collected(part, options);
    const after = this.#part(next, options, {});
    this.#nodes.connect(before, after.entry);
    return { ...after, entry: before.entry };
  }

  /** A fork and a constant hand their value to a call; a collector stands between them and another group. */
  #isFollowedByCall({ tail }: Part, next: Tree): boolean {
    return (tail !== undefined && isDraftCall(this.#nodes.at(tail))) || beginsWithTask(next);
  }

  #linked(part: Part, links: readonly Tree[], options: Inherited): Part {
    if (links.length === 0) return part;
    const own =
      part.tail !== undefined && part.value === part.tail && isDraftCall(this.#nodes.at(part.tail)) ? part : this.#collected(part, options);
    const call = this.#nodes.call(own.tail as NodeIndex);
    call.l = distinct([...(call.l ?? []), ...this.#plans(links, options, this.#queueFrom(part.entry))]);
    return own;
  }

  #collected(part: Part, options: Inherited): Part {
    const collector = this.#collector(part, options);
    this.#nodes.connect(part, collector.entry);
    return { ...collector, entry: part.entry, outline: part.outline };
  }

  /** The last call when it has the value, else a collector; it exists from the start, so nobody publishes it. */
  #root(part: Part, options: Inherited, collects: boolean): NodeIndex {
    const last = part.tail;
    const isRoot = !collects && last !== undefined && last === part.value && isDraftCall(this.#nodes.at(last));
    const root = isRoot ? last : this.#collector(part, options).entry;
    if (!isRoot) {
      this.#nodes.call(root).b = part.value;
      if (part.open.length > 0) this.#nodes.close(part, root);
    }
    this.#nodes.finish(root);
    return root;
  }

  #scope(at: NodeIndex, part: Part, errors: readonly Tree[], options: Inherited): void {
    const [open] = part.open;
    this.#scopes.push({
      a: at,
      z: this.#nodes.length,
      e: this.#plans(errors, options, this.#queueFrom(at)),
      ...(open === undefined ? {} : { o: open }),
    });
  }

  #start(entry: NodeIndex): void {
    const node = this.#nodes.at(entry);
    if (isDraftCall(node)) {
      if (node.shape.immutable === undefined) node.shape.start = 1;
    } else if ('m' in node) for (const member of membersOf(node, entry)) this.#start(member);
  }

  #plans(trees: readonly Tree[], options: Inherited, home: string): readonly Plan[] {
    return distinct(trees.map((tree) => new Compiler({ ...this.#settings, at: this.#at }, home).compile(tree, options, undefined, false)));
  }

  #queueFrom(at: NodeIndex): string {
    return this.#nodes.firstTask(at)?.shape.queue ?? this.#home;
  }

  #call(task: string, queue: string, options: Pick<Inherited, 'priority'>): DraftCall {
    const priority = this.#settings.priority(queue, options.priority);
    return { shape: { task, queue, ...(priority === undefined ? {} : { priority }) }, within: this.#lenient.at(-1) };
  }

  /** On the queue of the first call of what it collects, which somebody serves. */
  #collector({ entry }: Part, options: Inherited): Part {
    const near = this.#nodes.firstTask(entry);
    if (near !== undefined) return this.#nodes.single(this.#call(COLLECT, near.shape.queue, options));
    const collector: DraftCall = { shape: { task: COLLECT, queue: DEFAULT_QUEUE }, within: this.#lenient.at(-1) };
    this.#homeless.push({ collector, options });
    return this.#nodes.single(collector);
  }

  /** Collectors of what has no job of its own go where the first task goes. */
  #house(): void {
    const near = this.#nodes.firstTask(0)?.shape.queue;
    for (const { collector, options } of this.#homeless) {
      const queue = near ?? options.queue ?? this.#home;
      const { shape } = this.#call(COLLECT, queue, options);
      Object.assign(collector.shape, { queue, ...(shape.priority === undefined ? {} : { priority: shape.priority }) });
    }
  }
}

function inherit(own: Inherited, outer: Inherited): Inherited {
  const headers = own.headers === undefined && outer.headers === undefined ? {} : { headers: { ...outer.headers, ...own.headers } };
  return { ...outer, ...own, ...headers };
}

function beginsWithTask(tree: Tree): boolean {
  if (tree.type === 'task') return true;
  if (tree.type !== 'chain') return false;
  const [first] = tree.steps;
  return first !== undefined && beginsWithTask(first);
}

function distinct(plans: readonly Plan[]): readonly Plan[] {
  return [...new Map(plans.map((plan) => [JSON.stringify(plan), plan])).values()];
}
