import { OxbowError } from './errors.ts';
import type { Logger } from './log.ts';
import { saysWhyRepeated } from './policies/idempotency.ts';
import type { TaskDefinition } from './task/definition.ts';

const REMEDY = "idempotency: { key }, or idempotency: 'natural' when to run it twice does not harm";

/**
 * Tasks that are retried and say nothing of idempotency: told once each, when the app or a worker has started, or when an enqueue gives
 * more than one attempt; with `strict` refused.
 */
export class Strictness {
  readonly #strict: boolean;
  readonly #log: Logger;
  #untold: string[] = [];
  readonly #told = new Set<string>();

  constructor(strict: boolean, log: Logger) {
    this.#strict = strict;
    this.#log = log;
  }

  /** @throws OxbowError `invalid_options` with `strict` */
  declare(task: TaskDefinition): void {
    if (task.retry.attempts <= 1 || saysWhyRepeated(task)) return;
    if (this.#strict) throw new OxbowError('invalid_options', `task "${task.name}" is retried: say ${REMEDY} (strict: true).`);
    this.#untold.push(task.name);
  }

  /** An enqueue, or a signature, gives the task more than one attempt. @throws OxbowError `invalid_options` with `strict` */
  repeat(task: TaskDefinition): void {
    // One that is retried by itself was told, or refused, when it was declared.
    if (task.retry.attempts > 1 || saysWhyRepeated(task)) return;
    if (this.#strict)
      throw new OxbowError('invalid_options', `task "${task.name}" is given more than one attempt: let it say ${REMEDY} (strict: true).`);
    if (this.#told.has(task.name)) return;
    this.#told.add(task.name);
    this.#warn([task.name]);
  }

  started(): void {
    const tasks = this.#untold;
    if (tasks.length === 0) return;
    this.#untold = [];
    this.#warn(tasks);
  }

  #warn(tasks: readonly string[]): void {
    this.#log.warn(
      { tasks },
      "tasks are retried and do not say why that does not harm: give them idempotency: { key }, or idempotency: 'natural'",
    );
  }
}
