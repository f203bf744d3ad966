import type { Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const BOTH = ['redis', 'postgres'] as const;
const HOUR_MS = 3_600_000;
const PADDING = 2000;
const FILL = "for i = 1, 400 do redis.call('SET', 'filler:' .. ARGV[1] .. ':' .. i, string.rep('x', 200)) end";

/** BullMQ's own key names, and what breaks keys, streams and lines. */
const HOSTILE = [
  'meta',
  'active',
  'delayed',
  'completed',
  'stalled',
  'waiting-children',
  'wait',
  'events',
  'a:b:c',
  'two\nlines',
  '*',
  '../..',
  'x'.repeat(100_000),
] as const;

/** Memory, clocks and texts. */
export const edgeRows: readonly Row[] = [
  {
    id: '33',
    fault: { redis: 'memory full, noeviction', postgres: 'no connection to be had for 5 s: others have taken all (max_connections)' },
    engines: BOTH,
    sampled: [],
    settings: (engine) => (engine === 'redis' ? [] : ['max_connections=60', 'superuser_reserved_connections=0']),
    run: async (stage) => {
      if (stage.engine === 'postgres') return withoutConnections(stage);
      const count = stage.size(3000, 1000);
      await stage.produce(count, { wave: 50 });
      const producer = stage.spawn('producer');
      await producer.ready;
      // Work is left when memory is full, so that workers meet it too.
      await stage.workers(2, { handler: { kind: 'wait', ms: 50 } });
      await stage.reach('end', Math.floor(count / 10), 10_000);
      await stage.host.command('CONFIG', 'SET', 'maxmemory', String(Math.floor(0.8 * (await usedMemory(stage)))));
      const producing = producer.produce({ from: count, count: 200, wave: 2, pauseMs: 30, delayMs: 0, padding: PADDING });
      await stage.last(3000);
      const errors = String(await stage.host.command('INFO', 'errorstats'));
      stage.note('writes refused', Number(/^errorstat_OOM:count=(\d+)/mu.exec(errors)?.[1] ?? 0));
      await stage.host.command('CONFIG', 'SET', 'maxmemory', '0');
      stage.faultOver();
      await producing;
    },
    judge: ({ logLinesPerSecond }) => (logLinesPerSecond <= 5 ? [] : [`${logLinesPerSecond} lines of log in a second`]),
  },
  {
    id: '34',
    fault: 'memory full, allkeys-lru',
    absent: 'no such thing: it evicts nothing',
    engines: ['redis'],
    sampled: ['redis'],
    settleMs: () => 5000,
    settings: () => ['maxmemory-policy=allkeys-lru'],
    accepts: false,
    finishes: false,
    run: async (stage) => {
      await stage.produce(stage.size(3000, 1000), { wave: 50 });
      await stage.host.command('CONFIG', 'SET', 'maxmemory', String((await usedMemory(stage)) + 2 ** 20));
      // In many scripts: memory is looked at before each.
      for (let turn = 0; turn < 50; turn++) await stage.host.command('EVAL', FILL, '0', String(turn));
      await stage.host.command('CONFIG', 'SET', 'maxmemory', '0');
      const worker = stage.spawn('worker');
      stage.note('worker', (await worker.ready) ? 'starts' : 'refuses to start');
      await stage.reach('end', stage.count('accepted'), 5000);
    },
    judge: ({ notes, accepted }) => (accepted === 0 && notes['worker'] === 'refuses to start' ? [] : ['it started']),
  },
  {
    id: '36',
    fault: 'worker’s clock two hours ahead, jobs due in one',
    engines: BOTH,
    sampled: BOTH,
    finishes: false,
    run: async (stage) => {
      const worker = stage.spawn('worker', { clockShiftMs: 2 * HOUR_MS });
      await worker.ready;
      await stage.produce(50, { delayMs: HOUR_MS });
      await stage.last(stage.size(10_000, 4000));
      stage.note('ran an hour early', stage.count('start'));
    },
    judge: ({ notes }) => (notes['ran an hour early'] === 0 ? [] : [`${notes['ran an hour early']} ran an hour early`]),
  },
  {
    id: '54',
    fault: 'hostile texts as job ids, then 50 ordinary jobs',
    engines: BOTH,
    sampled: ['redis'],
    settleMs: () => 8000,
    run: async (stage) => {
      const [worker] = await stage.workers(1);
      const producer = stage.spawn('producer');
      await producer.ready;
      await producer.ask({ kind: 'hostile', from: 100_000, texts: HOSTILE });
      await stage.produce(50);
      await stage.reach('end', 50 + HOSTILE.length, 5000);
      stage.note(
        'log lines',
        [...(worker?.lines.values() ?? [])].reduce((sum, count) => sum + count, 0),
      );
    },
  },
];

/** The nearest that Postgres has to memory that is full: a server that is there, and refuses to do anything. */
async function withoutConnections(stage: Stage): Promise<void> {
  const count = stage.size(1000, 400);
  await stage.workers(2, { handler: { kind: 'wait', ms: 20 }, lockMs: 30_000 });
  const producing = stage.produce(count, { wave: 2, pauseMs: 5 });
  await stage.reach('end', Math.floor(count / 4), 10_000);
  const letGo = await stage.host.takeConnections();
  await stage.last(5000);
  await letGo();
  stage.faultOver();
  await producing;
}

async function usedMemory(stage: Stage): Promise<number> {
  const info = String(await stage.host.command('INFO', 'memory'));
  return Number(/^used_memory:(\d+)/mu.exec(info)?.[1]);
}
