/**
 * The thread that keeps a process's locks while its event loop is blocked (started by renewal-thread.ts). It ends with
 * the process, and so do the locks. It imports no more than it needs: its memory is paid by every process that has jobs.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { FromThread, GivenUpJob, GuardedLane, ToThread } from './lock-access.ts';
import { LockKeeper } from './lock-keeper.ts';
import { openLockStore } from './lock-store.ts';

const beat = workerData as Int32Array<SharedArrayBuffer>;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has none
const tell = (message: FromThread): void => parentPort?.postMessage(message);

const keeper = new LockKeeper({
  now: () => performance.now(),
  beat: () => Atomics.load(beat, 0),
  open: openLockStore,
  within,
  onTrouble: (lane, error) => tell({ kind: 'trouble', lane, message: error.message }),
  onGivenUp: giveUp,
});

parentPort?.on('message', (message: ToThread) => {
  if ('guard' in message) keeper.guard(message.guard);
  else keeper.release(message.release);
});

async function look(): Promise<void> {
  await keeper.tick();
  setTimeout(() => void look(), keeper.intervalMs);
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(Math.ceil(ms));
  return new Promise((resolve, reject) => {
    late.addEventListener('abort', () => reject(new Error(`The server did not answer within ${Math.round(ms)} ms.`)), { once: true });
    promise.then(resolve, reject);
  });
}

/** The main thread cannot log: a line of its own, in the form of the others. */
function giveUp({ queue, maxBlockedMs }: GuardedLane, silentMs: number, jobs: readonly GivenUpJob[]): void {
  const tasks = [...new Set(jobs.map(({ task }) => task))];
  const line = {
    level: 50,
    time: Date.now(),
    pid: process.pid,
    queue,
    silentMs: Math.round(silentMs),
    tasks,
    jobs: jobs.map(({ id }) => id),
    msg: `the event loop has been blocked for more than ${maxBlockedMs} ms: the locks of its jobs are no longer renewed${tasks.length === 0 ? '' : ` (${tasks.join(', ')})`}`,
  };
  writeSync(2, `${JSON.stringify(line)}\n`);
}

tell({ kind: 'ready' });
void look();
