import { AsyncLocalStorage } from 'node:async_hooks';
import { DeadlockError } from '../errors.ts';

/** The name of the task whose handler the current code runs in. */
const runningTask = new AsyncLocalStorage<string>();

export function runAs<T>(task: string, handler: () => T): T {
  return runningTask.run(task, handler);
}

/** @throws DeadlockError when called from inside a handler, however deep. */
export function assertOutsideTask(): void {
  const task = runningTask.getStore();
  if (task !== undefined) throw new DeadlockError(task);
}
