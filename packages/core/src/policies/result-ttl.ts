import { OxbowError } from '../errors.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { settingsOf, type Capability } from './capability.ts';

const LEAST_MS = 1000;

/**
 * How long a succeeded job of the task, and its result, are kept: longer than `retention.succeeded` says, or shorter. At least a second.
 * It goes within a minute after that.
 */
export const resultTtl: Capability<Duration, number> = {
  option: 'resultTtl',
  schema: durationOption,
  resolve: (given, task) => {
    const ttlMs = parseDuration(given, `task "${task}": resultTtl`);
    if (ttlMs < LEAST_MS) throw new OxbowError('invalid_options', `task "${task}": resultTtl must be at least ${LEAST_MS} ms.`);
    return ttlMs;
  },
};

/** Of all tasks that have one. */
export function resultTtls(tasks: Iterable<TaskDefinition>): readonly number[] {
  return [...tasks].flatMap((task) => settingsOf(task, resultTtl) ?? []);
}
