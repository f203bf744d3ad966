import type { Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const MOST_MIB = 25;
const DIFFERENCE = 'thread, MiB';

/** What the thread that renews locks costs: of several processes each, the one in the middle. */
export const memoryRow: Row = {
  id: 'memory',
  fault: 'none: memory of a worker that was blocked once, with the lock renewal thread and without',
  engines: ['redis', 'postgres'],
  sampled: [],
  run: async (stage) => {
    const kinds = stage.side === 'oxbow' ? (['main', 'thread'] as const) : (['main'] as const);
    const sizes = { main: [] as number[], thread: [] as number[] };
    for (let turn = 0; turn < stage.size(5, 3); turn++) for (const kind of kinds) sizes[kind].push(await workerSize(stage, kind));
    stage.note('process, MiB', Math.round(middle(sizes.main)));
    if (sizes.thread.length > 0) stage.note(DIFFERENCE, Math.round(middle(sizes.thread) - middle(sizes.main)));
  },
  judge: ({ notes }) => (Number(notes[DIFFERENCE]) <= MOST_MIB ? [] : [`the thread takes ${notes[DIFFERENCE]} MiB, ${MOST_MIB} allowed`]),
};

/** After a job that blocks long enough for the thread to connect and renew, and not longer than its lock. */
async function workerSize(stage: Stage, lockRenewal: 'main' | 'thread'): Promise<number> {
  const done = stage.count('end');
  const [worker] = await stage.workers(1, { lockRenewal, concurrency: 1, lockMs: 6000, handler: { kind: 'block', ms: 2000 } });
  await stage.produce(1);
  await stage.reach('end', done + 1, 30_000);
  await stage.last(1000);
  const size = worker?.rssMib ?? Number.NaN;
  await worker?.end('SIGTERM');
  return size;
}

function middle(sizes: readonly number[]): number {
  return sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? Number.NaN;
}
