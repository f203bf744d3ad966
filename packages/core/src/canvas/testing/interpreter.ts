/** What a canvas means, in the fewest words: nothing runs at the same time, nothing is stored. */
import type { GroupTree, JoinPolicy, TaskTree, Tree } from '../tree.ts';

/** `joins`: a group has failed, and a task that follows it directly fails with it: it is its join. */
export type Ended =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly why: readonly string[]; readonly joins: boolean };

/** Runs a task; throws to fail. */
type RunTask = (task: string, input: unknown) => unknown;

const NOTHING = Symbol('nothing comes before');
const FAILURE = { runId: 'R' };

/** @param start - what is given at enqueue; undefined: nothing. */
export function interpret(tree: Tree, run: RunTask, start?: unknown): Ended {
  return new Interpreter(run, start).scope(tree, NOTHING);
}

class Interpreter {
  readonly #run: RunTask;
  readonly #start: unknown;

  constructor(run: RunTask, start: unknown) {
    this.#run = run;
    this.#start = start;
  }

  /** A signature with its links and error handlers. */
  scope(tree: Tree, value: unknown): Ended {
    const ended = this.#bare(tree, value);
    if (!ended.ok) this.#follow(tree.errors, FAILURE);
    else this.#follow(tree.links, ended.value);
    return ended;
  }

  #follow(followers: readonly Tree[] | undefined, value: unknown): void {
    for (const follower of followers ?? []) new Interpreter(this.#run, undefined).scope(follower, value);
  }

  #bare(tree: Tree, value: unknown): Ended {
    switch (tree.type) {
      case 'task':
        return this.#task(tree, value);
      case 'chain':
        return this.#steps(tree.steps, value);
      case 'chord':
        return this.#steps([tree.header, tree.body], value);
      case 'group':
        return joined(
          tree,
          tree.members.map((member) => this.scope(member, value)),
        );
    }
  }

  #steps([step, ...rest]: readonly Tree[], value: unknown): Ended {
    if (step === undefined) return { ok: true, value };
    const ended = this.scope(step, value);
    const [next] = rest;
    if (next === undefined) return ended;
    if (ended.ok) return this.#steps(rest, ended.value);
    if (ended.joins && beginsWithTask(next)) this.#joinFails(next);
    return { ...ended, joins: false };
  }

  #joinFails(tree: Tree): void {
    if (tree.type === 'chain') this.#joinFails(tree.steps[0] as Tree);
    this.#follow(tree.errors, FAILURE);
  }

  #task(tree: TaskTree, value: unknown): Ended {
    try {
      const input = this.#input(tree, value);
      return {
        ok: true,
        value: tree.map === true ? (input as unknown[]).map((item) => this.#run(tree.task, item)) : this.#run(tree.task, input),
      };
    } catch (error) {
      return { ok: false, why: [(error as Error).message], joins: false };
    }
  }

  #input({ input, immutable, receive }: TaskTree, before: unknown): unknown {
    if (immutable === true) return input;
    const isFirst = before === NOTHING;
    const value = isFirst ? this.#start : before;
    if (receive !== undefined) return isFirst ? { ...(input as object), [receive]: value } : { [receive]: value, ...(input as object) };
    if (input === undefined || value === undefined || value === null) return input ?? value;
    if (isFirst) return isObject(value) ? { ...(input as object), ...value } : value;
    if (!isObject(value)) throw new Error('invalid_input');
    return { ...value, ...(input as object) };
  }
}

function beginsWithTask(tree: Tree): boolean {
  return tree.type === 'task' || (tree.type === 'chain' && beginsWithTask(tree.steps[0] as Tree));
}

function joined({ join = 'failFast' }: GroupTree, members: readonly Ended[]): Ended {
  const values = members.flatMap((member) => (member.ok ? [member.value] : []));
  if (join === 'settle')
    return { ok: true, value: members.map((member) => (member.ok ? { status: 'succeeded', value: member.value } : { status: 'failed' })) };
  const why = members.flatMap((member) => (member.ok ? [] : member.why));
  return values.length >= needed(join, members.length)
    ? { ok: true, value: values }
    : { ok: false, why: typeof join === 'object' ? ['quorum'] : why, joins: true };
}

function needed(join: JoinPolicy, members: number): number {
  if (join === 'ignore') return 0;
  return typeof join === 'object' ? join.quorum : members;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
