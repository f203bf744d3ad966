import { AsyncLocalStorage } from 'node:async_hooks';
import { DeadlockError } from '../errors.ts';

/** The name of the task whose handler the current code runs in. */
const runningTask = new AsyncLocalStorage<string | undefined>();

/**
 * Following every promise costs a sixth of a no-op job's CPU on Node 20, so it begins when this process waits for a
 * result for the first time. Handlers that ran before are recognised by their stack: that sees `await`, not callbacks.
 */
let following = false;

const FRAME = 'oxbow running a handler';
/** The name is a string so that a minifier keeps it. */
const frames = {
  [FRAME]: async (handler: () => unknown): Promise<unknown> => await handler(),
};
const runInFrame = frames[FRAME] as (handler: () => unknown) => Promise<unknown>;

export function runAs(task: string, handler: () => unknown): Promise<unknown> {
  return following ? runningTask.run(task, runInFrame, handler) : runInFrame(handler);
}

/** What a handler starts and does not wait for holds no slot. */
export function runOutside<T>(work: () => T): T {
  return following ? runningTask.run(undefined, work) : work();
}

/** @throws DeadlockError when called from inside a handler, however deep. */
export function assertOutsideTask(): void {
  const task = runningTask.getStore();
  if (task !== undefined) throw new DeadlockError(`Task "${task}"`);
  if (following) return;
  following = true;
  if (isFrameOnStack()) throw new DeadlockError('A task');
}

function isFrameOnStack(): boolean {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const { stack } = new Error('where am I');
  Error.stackTraceLimit = stackTraceLimit;
  return stack?.includes(FRAME) ?? false;
}
