import { InvalidCanvasError } from '../errors.ts';
import type { TaskTree, Tree } from './tree.ts';

/** A task at a place of a tree: `steps.0.members.2`; empty for the tree itself. */
interface Placed {
  readonly path: string;
  readonly task: TaskTree;
}

/** The tasks that start first: they get what is given at enqueue. */
export function* firstTasks(tree: Tree, path = ''): Generator<Placed, void, undefined> {
  const at = (part: string): string => (path === '' ? part : `${path}.${part}`);
  switch (tree.type) {
    case 'task':
      yield { path, task: tree };
      return;
    case 'chain':
      yield* firstTasks(tree.steps[0] as Tree, at('steps.0'));
      return;
    case 'group':
      for (const [index, member] of tree.members.entries()) yield* firstTasks(member, at(`members.${index}`));
      return;
    case 'chord':
      yield* firstTasks(tree.header, at('header'));
  }
}

/** @throws InvalidCanvasError when a first task waits for a result under a key, and nothing comes. */
export function assertFed(tree: Tree, input: unknown): void {
  if (input !== undefined) return;
  for (const { path, task } of firstTasks(tree)) {
    if (task.receive === undefined || task.immutable === true) continue;
    throw new InvalidCanvasError(
      path,
      `Task "${task.task}" receives "${task.receive}", but nothing comes before it: give it at enqueue, or in the partial input.`,
    );
  }
}
