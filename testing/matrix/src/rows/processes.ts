import type { Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const BOTH = ['redis', 'postgres'] as const;
const SLOTS = 10;

/** Faults of our own processes. */
export const processRows: readonly Row[] = [
  {
    id: '1',
    fault: 'none',
    engines: BOTH,
    sampled: BOTH,
    run: async (stage) => {
      await stage.workers(2);
      await stage.produce(stage.size(400, 400));
    },
  },
  {
    id: '2',
    fault: 'workers SIGKILLed, mid-handler',
    engines: BOTH,
    sampled: BOTH,
    inFlight: 6 * SLOTS,
    run: (stage) => replaceWorkers(stage, stage.size(6, 3), stage.size(2000, 500), 'SIGKILL'),
  },
  dyingRow('3', 'after-fetch-before-handler'),
  dyingRow('4', 'after-effect-before-record'),
  {
    id: '7',
    fault: 'workers SIGTERMed, mid-handler',
    engines: BOTH,
    sampled: ['redis'],
    run: (stage) => replaceWorkers(stage, stage.size(4, 2), stage.size(2000, 500), 'SIGTERM'),
    judge: ({ notes }) => (notes['exits'] === '0' ? [] : [`exit codes ${notes['exits']}`]),
  },
  {
    id: '8',
    fault: 'grace exceeded by handlers that do not listen',
    engines: BOTH,
    sampled: ['redis'],
    inFlight: 5,
    run: async (stage) => {
      const options = { handler: { kind: 'wait', ms: 15_000 }, drain: { softMs: 200, hardMs: 200 }, concurrency: 5, lockMs: 6000 } as const;
      const [first] = await stage.workers(1, options);
      await stage.produce(5);
      await stage.reach('start', 5, 10_000);
      await stage.workers(1, { ...options, handler: { kind: 'wait', ms: 10 } });
      // Not from its exit: by then all may have run.
      stage.faultOver();
      await first?.end('SIGTERM');
    },
    judge: ({ recoverySeconds }) => (recoverySeconds !== undefined && recoverySeconds < 4 ? [] : ['not put back at once']),
  },
  {
    id: '10',
    fault: 'event loop blocked longer than the lock',
    engines: BOTH,
    sampled: ['redis'],
    settleMs: (stage) => stage.size(90_000, 15_000),
    run: async (stage) => {
      const handler = { kind: 'block', ms: stage.size(8000, 3500) } as const;
      const options = { handler, lockMs: stage.size(3000, 1500), concurrency: 2 };
      await stage.workers(2, options);
      await stage.produce(4);
      // One that is free to see whose lock has run out, once the others are blocked.
      await stage.reach('start', 2, 10_000);
      await stage.workers(1, options);
    },
    judge: ({ duplicateStarts }) => (duplicateStarts === 0 ? [] : [`${duplicateStarts} duplicate starts, 0 allowed`]),
  },
];

function dyingRow(id: string, name: string): Row {
  const times = 3;
  return {
    id,
    fault: `worker dies ${name.replaceAll('-', ' ')}`,
    engines: BOTH,
    sampled: [],
    inFlight: times * SLOTS,
    run: async (stage) => {
      const count = stage.size(1000, 300);
      const producing = stage.produce(count, { wave: 5 });
      for (let turn = 0; turn < times; turn++) {
        const worker = stage.spawn('worker', { dieAt: { name, time: stage.random.between(20, Math.floor(count / 6)) } });
        await worker.exited;
      }
      stage.faultOver();
      await stage.workers(2);
      await producing;
    },
  };
}

/** Two workers, of which one, whichever the seed says, is ended again and again and replaced. */
async function replaceWorkers(stage: Stage, times: number, count: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const handler = { kind: 'wait', ms: 20 } as const;
  const workers = await stage.workers(2, { handler, concurrency: SLOTS });
  const producing = stage.produce(count);
  const exits = new Set<number | null>();
  await stage.at(times, 'end', count, async () => {
    const at = stage.random.between(0, 1);
    const { code } = (await workers[at]?.end(signal)) ?? { code: null };
    exits.add(code);
    workers[at] = stage.spawn('worker', { handler, concurrency: SLOTS });
    await workers[at]?.ready;
  });
  if (signal === 'SIGTERM') stage.note('exits', [...exits].join(', '));
  await producing;
}
