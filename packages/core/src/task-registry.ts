import type { CompileSettings } from './canvas/compile.ts';
import { OxbowError } from './errors.ts';
import { insideChild } from './isolation/inside.ts';
import type { TaskState } from './operation.ts';
import { uniquenessOf } from './policies/uniqueness.ts';
import type { Strictness } from './strictness.ts';
import type { TaskDefinition } from './task/definition.ts';

/** The tasks of an app, by name. */
export class TaskRegistry {
  readonly #app: string;
  readonly #strictness: Strictness;
  readonly #tasks = new Map<string, TaskDefinition>();

  constructor(app: string, strictness: Strictness) {
    this.#app = app;
    this.#strictness = strictness;
  }

  get isEmpty(): boolean {
    return this.#tasks.size === 0;
  }

  get all(): Iterable<TaskDefinition> {
    return this.#tasks.values();
  }

  /** Any that a task has. */
  get someQueue(): string | undefined {
    return this.#tasks.values().next().value?.queue;
  }

  /** Task → queue, of those that have a handler. */
  get implemented(): ReadonlyMap<string, string> {
    return new Map([...this.#tasks.values()].filter((task) => task.handler !== undefined).map((task) => [task.name, task.queue]));
  }

  get states(): readonly TaskState[] {
    return Array.from(this.#tasks.values(), ({ name, queue, handler }) => ({ name, queue, hasHandler: handler !== undefined }));
  }

  get(name: string): TaskDefinition | undefined {
    return this.#tasks.get(name);
  }

  /** @throws OxbowError `unknown_task` */
  named(name: string): TaskDefinition {
    const task = this.#tasks.get(name);
    if (task === undefined) throw new OxbowError('unknown_task', `There is no task "${name}" in the app of this worker.`);
    return task;
  }

  /** An enqueue, or a signature, gives the task more than one attempt. @throws OxbowError `invalid_options` with `strict` */
  repeats(name: string): void {
    const task = this.#tasks.get(name);
    if (task !== undefined) this.#strictness.repeat(task);
  }

  /** What a canvas is compiled by. */
  facts(name: string): ReturnType<CompileSettings['task']> {
    const task = this.#tasks.get(name);
    return task === undefined ? undefined : { queue: task.queue, attempts: task.retry.attempts, lone: uniquenessOf(task)?.option };
  }

  /** @throws OxbowError `duplicate_task`; `invalid_options` with `strict` */
  add(task: TaskDefinition): TaskDefinition {
    if (this.#tasks.has(task.name)) throw new OxbowError('duplicate_task', `There is a task "${task.name}" already.`);
    this.#strictness.declare(task);
    this.#tasks.set(task.name, task);
    insideChild()?.add(this.#app, task);
    return task;
  }
}
