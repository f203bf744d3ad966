import type { ChainTree, ChordTree, GroupTree, TaskTree, Tree } from '@oxbow/core';
import type { Evidence, FoundJob } from './evidence.ts';
import { fails, growth, inputOf } from './trees.ts';
import { FAILED, matches } from './matches.ts';

/** What a canvas, or a part of one, came to. */
export type Came =
  | { readonly kind: 'value'; readonly value: unknown }
  /** `group`: at its end stands a group of which a member failed, so the task after it is told too. */
  | { readonly kind: 'failed'; readonly group: boolean };

/** `strict`: what must happen has happened. `lax`: it may have been cancelled at any point. */
type Mode = 'strict' | 'lax';

/**
 * Goes through a canvas as it was written, with nothing of the plan that the product made of it: takes the recorded result of every task,
 * and holds what came before it against what the task was called with.
 */
export class Walk {
  readonly findings: string[] = [];
  /** Tasks that have succeeded. */
  nodes = 0;
  readonly #evidence: Evidence;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  run(tree: Tree, from: unknown, mode: Mode): Came {
    const came = this.#bare(tree, from, mode);
    if (came.kind === 'value') for (const link of tree.links ?? []) this.run(link, came.value, mode);
    else if (mode === 'strict') this.#absent(tree.links);
    if (came.kind === 'failed') this.#told(tree.errors, mode);
    else if (mode === 'strict') this.#absent(tree.errors);
    return came;
  }

  #bare(tree: Tree, from: unknown, mode: Mode): Came {
    switch (tree.type) {
      case 'task':
        return this.#task(tree, from, mode);
      case 'chain':
        return this.#steps(tree, from, mode);
      case 'chord':
        return this.#chord(tree, from, mode);
      case 'group':
        return this.#group(tree, from, mode);
    }
  }

  #task(tree: TaskTree, from: unknown, mode: Mode): Came {
    const { label, fail } = inputOf(tree);
    const job = this.#only(label);
    if (job === undefined) {
      if (mode === 'strict') this.findings.push(`${label}: was never published`);
      return { kind: 'failed', group: false };
    }
    if (tree.task !== 'alarm') this.#called(job, label, tree.immutable === true ? inputOf(tree).from : from);
    if (job.state === 'failed' && fail === 'always') return { kind: 'failed', group: false };
    if (mode === 'lax' && job.state !== 'completed') return { kind: 'failed', group: false };
    if (job.state !== 'completed' || fail === 'always') {
      this.findings.push(
        `${label}: is ${job.state}${job.reason === undefined ? '' : ` (${job.reason})`}, not ${fail === 'always' ? 'failed' : 'completed'}`,
      );
      return { kind: 'failed', group: false };
    }
    this.nodes++;
    const expected = tree.task === 'grow' ? this.#growth(label, from, mode) : this.#outputs(job.id);
    if (!expected.some((output) => matches(output, job.result))) this.findings.push(`${label}: its recorded result is none that it gave`);
    return { kind: 'value', value: job.result };
  }

  #growth(label: string, from: unknown, mode: Mode): readonly unknown[] {
    const came = this.run(growth(label, from), undefined, mode);
    return came.kind === 'value' ? [came.value] : [];
  }

  #steps({ steps }: ChainTree, from: unknown, mode: Mode): Came {
    let came: Came = { kind: 'value', value: from };
    for (const [i, step] of steps.entries()) {
      came = this.run(step, came.value, mode);
      if (came.kind === 'value') continue;
      this.#after(steps.slice(i + 1), came.group, mode);
      return { kind: 'failed', group: came.group && i === steps.length - 1 };
    }
    return came;
  }

  #chord({ header, body }: ChordTree, from: unknown, mode: Mode): Came {
    const came = this.run(header, from, mode);
    if (came.kind === 'value') return this.run(body, came.value, mode);
    this.#after([body], came.group, mode);
    return { kind: 'failed', group: false };
  }

  #group(tree: GroupTree, from: unknown, mode: Mode): Came {
    const { members, join = 'failFast', cancelRest } = tree;
    const failed = fails(tree);
    const inside = failed && cancelRest === true ? 'lax' : mode;
    const came = members.map((member) => this.run(member, from, inside));
    if (failed) return { kind: 'failed', group: true };
    const values = came.flatMap((one) => (one.kind === 'value' ? [one.value] : []));
    switch (join) {
      case 'failFast':
        return values.length === members.length ? { kind: 'value', value: values } : { kind: 'failed', group: true };
      case 'settle':
        return { kind: 'value', value: came.map((one) => (one.kind === 'value' ? { status: 'succeeded', value: one.value } : FAILED)) };
      case 'ignore':
        return { kind: 'value', value: values };
      default:
        // Members that were cancelled are missing.
        return values.length < join.quorum ? { kind: 'failed', group: true } : { kind: 'value', value: values };
    }
  }

  /** What would have come after a failure. The task after a group that failed is its join: it is told, and with it the scopes that it begins. */
  #after(steps: readonly Tree[], group: boolean, mode: Mode): void {
    const [next] = steps;
    const begun = group && next !== undefined ? untilFirstTask(next) : [];
    for (const tree of begun) this.#told(tree.errors, mode);
    // A step whose worker died when it had published what follows is cancelled, and that has run on.
    if (mode === 'strict') for (const step of steps) this.#skipped(step, begun);
  }

  #told(handlers: readonly Tree[] | undefined, mode: Mode): void {
    for (const handler of handlers ?? []) {
      const first = firstTask(handler);
      const label = first === undefined ? undefined : inputOf(first).label;
      if (mode === 'lax' && (label === undefined || !this.#evidence.byLabel.has(label))) continue;
      this.run(handler, undefined, mode);
      if (label !== undefined) this.#isFailure(label);
    }
  }

  #isFailure(label: string): void {
    for (const input of this.#inputs(this.#evidence.byLabel.get(label)?.[0]?.id ?? '')) {
      const { runId, jobId, error, failures } = input as Readonly<Record<string, unknown>>;
      if (
        typeof runId !== 'string' ||
        typeof jobId !== 'string' ||
        typeof error !== 'object' ||
        !Array.isArray(failures) ||
        failures.length === 0
      )
        this.findings.push(`${label}: was not called with a failure`);
    }
  }

  #skipped(tree: Tree, told: readonly Tree[]): void {
    this.#absent(tree.links);
    if (!told.includes(tree)) this.#absent(tree.errors);
    switch (tree.type) {
      case 'task': {
        const { label } = inputOf(tree);
        const job = this.#only(label);
        if (job !== undefined && (this.#inputs(job.id).length > 0 || job.state !== 'failed'))
          this.findings.push(`${label}: is ${job.state}, though what comes before it has failed`);
        return;
      }
      case 'chain':
        for (const step of tree.steps) this.#skipped(step, told);
        return;
      case 'chord':
        this.#skipped(tree.header, told);
        this.#skipped(tree.body, told);
        return;
      case 'group':
        for (const member of tree.members) this.#skipped(member, told);
    }
  }

  #absent(trees: readonly Tree[] | undefined): void {
    for (const tree of trees ?? []) {
      const first = firstTask(tree);
      if (first !== undefined && this.#evidence.byLabel.has(inputOf(first).label))
        this.findings.push(`${inputOf(first).label}: is there, and had no reason to be`);
    }
  }

  #only(label: string): FoundJob | undefined {
    const found = this.#evidence.byLabel.get(label) ?? [];
    if (found.length > 1) this.findings.push(`${label}: published as ${found.map(({ id }) => id).join(', ')}`);
    return found[0];
  }

  #called(job: FoundJob, label: string, from: unknown): void {
    for (const input of this.#inputs(job.id)) {
      const { from: got } = input as { readonly from?: unknown };
      if (!matches(from, got)) this.findings.push(`${label}: was called with ${short(got)}, and what came before it is ${short(from)}`);
    }
  }

  #inputs(id: string): readonly unknown[] {
    return this.#evidence.inputs.get(id) ?? [];
  }

  #outputs(id: string): readonly unknown[] {
    return this.#evidence.outputs.get(id) ?? [];
  }
}

/** A chain, its first step, and so on down to a task; nothing when a group comes first. */
function untilFirstTask(tree: Tree): readonly Tree[] {
  if (tree.type === 'task') return [tree];
  const first = tree.type === 'chain' ? tree.steps[0] : undefined;
  const rest = first === undefined ? [] : untilFirstTask(first);
  return rest.length === 0 ? [] : [tree, ...rest];
}

function firstTask(tree: Tree): TaskTree | undefined {
  if (tree.type === 'task') return tree;
  if (tree.type !== 'chain') return undefined;
  const [first] = tree.steps;
  return first === undefined ? undefined : firstTask(first);
}

function short(value: unknown): string {
  const text = JSON.stringify(value, (_, one: unknown) => (one === FAILED ? 'FAILED' : one)) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
