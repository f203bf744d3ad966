/**
 * The process or thread in which isolated tasks run (started by child.ts). It loads the module that declares them, runs one handler at a
 * time, and ends with its parent.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { toError } from '../execution/failure.ts';
import { ChildRunner } from './child-runner.ts';
import { becomeChild } from './inside.ts';
import type { FromChild, ToChild } from './messages.ts';

/** A handler that never lets the event loop turn would not see that its parent has gone; a thread beside it does. */
const WATCHDOG = `
  const { workerData: parent } = require('node:worker_threads');
  const isGone = () => {
    if (process.ppid !== parent) return true;
    try {
      process.kill(parent, 0);
      return false;
    } catch (error) {
      return error.code === 'ESRCH';
    }
  };
  setInterval(() => isGone() && process.kill(process.pid, 'SIGKILL'), 500);
`;
const WATCHDOG_LIMITS = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 } as const;

const send = isMainThread ? toParentProcess() : toParentThread();
const runner = new ChildRunner(becomeChild(), send);

function receive(message: unknown): void {
  void runner.receive(message as ToChild).catch((error: unknown) => {
    throw toError(error);
  });
}

function toParentThread(): (message: FromChild) => void {
  parentPort?.on('message', receive);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has none
  return (message) => parentPort?.postMessage(message);
}

function toParentProcess(): (message: FromChild) => void {
  // The whole group is told to end when its parent is; the parent drains, and decides.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit(0));
  process.on('message', receive);
  const watchdog = { eval: true, execArgv: [], env: {}, workerData: Number(process.argv[2]), resourceLimits: WATCHDOG_LIMITS };
  new Worker(WATCHDOG, { name: 'oxbow-parent-watch', ...watchdog }).unref();
  return (message) => void process.send?.(message);
}
