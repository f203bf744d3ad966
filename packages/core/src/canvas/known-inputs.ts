import { childrenOf } from './compose.ts';
import { firstTasks } from './first-tasks.ts';
import { withStart } from './input.ts';
import type { Tree } from './tree.ts';

/** What a handler will get, as it is known before anything runs. */
export interface KnownInput {
  readonly task: string;
  readonly input: unknown;
}

/**
 * Inputs that no result adds to: of the tasks that start first, and of immutable ones wherever they are; of `map` each item.
 * @param start - what is given at enqueue.
 */
export function* knownInputs(tree: Tree, start: unknown): Generator<KnownInput, void, undefined> {
  for (const { task } of firstTasks(tree)) {
    if (task.immutable === true) continue;
    yield { task: task.task, input: start === undefined ? task.input : withStart(task.input, task.receive, start) };
  }
  yield* immutableInputs(tree);
}

function* immutableInputs(tree: Tree): Generator<KnownInput, void, undefined> {
  if (tree.type === 'task' && tree.immutable === true) {
    if (tree.map === true) for (const input of tree.input as readonly unknown[]) yield { task: tree.task, input };
    else yield { task: tree.task, input: tree.input };
  }
  for (const child of childrenOf(tree)) yield* immutableInputs(child);
}
