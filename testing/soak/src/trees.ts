/** Canvases as JSON, of which every task has a label of its own: by that the store and the ledger are searched. */
import type { ChainTree, ChordTree, GroupTree, TaskTree, Tree } from '@oxbow/core';

/** Input of every task of a soak, beside what it receives. */
export interface StepInput {
  readonly label: string;
  /** What came before it. */
  readonly from?: unknown;
  /** Throws at every attempt, or at the first one only. */
  readonly fail?: 'always' | 'once';
  /** Its result is so many bytes larger. */
  readonly size?: number;
}

/** Labels of one run, in the order in which they are asked for. */
export class Labels {
  readonly #run: string;
  #next = 0;

  constructor(run: string) {
    this.#run = run;
  }

  next(): string {
    return `${this.#run}.${this.#next++}`;
  }
}

export function step(label: string, input: Omit<StepInput, 'label' | 'from'> = {}, rest: Partial<TaskTree> = {}): TaskTree {
  return { type: 'task', task: 'step', input: { label, ...input }, receive: 'from', ...rest };
}

/** What it is replaced by: {@link growth}. */
export function grow(label: string, rest: Partial<TaskTree> = {}): TaskTree {
  return { type: 'task', task: 'grow', input: { label }, receive: 'from', ...rest };
}

/** An error handler. */
export function alarm(label: string): TaskTree {
  return { type: 'task', task: 'alarm', input: { label } };
}

export function chain(steps: readonly Tree[], rest: Partial<ChainTree> = {}): ChainTree {
  return { type: 'chain', steps, ...rest };
}

export function group(members: readonly Tree[], rest: Partial<GroupTree> = {}): GroupTree {
  return { type: 'group', members, ...rest };
}

export function chord(header: GroupTree, body: Tree, rest: Partial<ChordTree> = {}): ChordTree {
  return { type: 'chord', header, body, ...rest };
}

/** What a `grow` of this label is replaced by, when it was given `from`. */
export function growth(label: string, from: unknown): Tree {
  const first: TaskTree = { type: 'task', task: 'step', input: { label: `${label}/0`, from }, immutable: true };
  return chain([first, group([step(`${label}/1`), step(`${label}/2`)]), step(`${label}/3`)]);
}

export function inputOf(tree: TaskTree): StepInput {
  return tree.input as StepInput;
}

/** How a canvas must end, whatever happens to its workers. */
export function fails(tree: Tree): boolean {
  switch (tree.type) {
    case 'task':
      return inputOf(tree).fail === 'always';
    case 'chain':
      return tree.steps.some(fails);
    case 'chord':
      return fails(tree.header) || fails(tree.body);
    case 'group': {
      const { join = 'failFast', members } = tree;
      const failed = members.filter(fails).length;
      if (join === 'failFast') return failed > 0;
      return typeof join === 'object' && members.length - failed < join.quorum;
    }
  }
}
