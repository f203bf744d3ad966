/** Canvases as trees, and what compiles them, for tests of the plan. */
import { compile, type CompileSettings } from '../canvas/compile.ts';
import type { RunPlace } from '../canvas/nodes.ts';
import { begin, type Draft } from '../canvas/publish.ts';
import type { GroupTree, JoinPolicy, SignatureOptions, TaskTree, Tree } from '../canvas/tree.ts';

/** Every task exists, on queue `q`. */
export const settings: CompileSettings = {
  task: () => ({ queue: 'q', attempts: 1 }),
  priority: (_queue, priority) => priority,
};

export function task(name: string, rest: Partial<TaskTree> = {}): TaskTree {
  return { type: 'task', task: name, ...rest };
}

export function chain(...steps: readonly Tree[]): Tree {
  return { type: 'chain', steps };
}

export function group(...members: readonly Tree[]): GroupTree {
  return { type: 'group', members };
}

export function lenient(join: JoinPolicy, ...members: readonly Tree[]): GroupTree {
  return { type: 'group', members, join };
}

export function chord(header: GroupTree, body: Tree): Tree {
  return { type: 'chord', header, body };
}

/** The run `R` of a canvas. */
export function runOf(tree: Tree, options: SignatureOptions = {}, input?: unknown): RunPlace {
  const plan = compile(tree, settings, options, input);
  return { plan, rootId: 'R', rootQueue: 'q' };
}

/** `id:task<parent`, with a `*` when the job starts parked. */
export function shown(drafts: readonly Draft[]): readonly string[] {
  return drafts.map(
    ({ id, task: name, parked, parent }) => `${id}:${name}${parked === true ? '*' : ''}${parent === undefined ? '' : `<${parent.id}`}`,
  );
}

export function begun(tree: Tree): readonly string[] {
  return shown(begin(runOf(tree)));
}
