import { OxbowError } from './errors.ts';
import type { Logger } from './log.ts';
import { isRepeatedBlindly } from './policies/idempotency.ts';
import type { TaskDefinition } from './task/definition.ts';

/** Tasks that are retried and say nothing of idempotency: told once each, when the app or a worker has started; with `strict` refused. */
export class Strictness {
  readonly #strict: boolean;
  readonly #log: Logger;
  #untold: string[] = [];

  constructor(strict: boolean, log: Logger) {
    this.#strict = strict;
    this.#log = log;
  }

  /** @throws OxbowError `invalid_options` with `strict` */
  declare(task: TaskDefinition): void {
    if (!isRepeatedBlindly(task)) return;
    if (this.#strict) {
      throw new OxbowError(
        'invalid_options',
        `task "${task.name}" is retried: say idempotency: { key }, or idempotency: 'natural' when to run it twice does not harm (strict: true).`,
      );
    }
    this.#untold.push(task.name);
  }

  started(): void {
    const tasks = this.#untold;
    if (tasks.length === 0) return;
    this.#untold = [];
    this.#log.warn(
      { tasks },
      "tasks are retried and do not say why that does not harm: give them idempotency: { key }, or idempotency: 'natural'",
    );
  }
}
