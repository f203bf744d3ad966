import type { Figures, Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const BOTH = ['redis', 'postgres'] as const;

/** Without synchronous_commit a commit is written within three times wal_writer_delay, 200 ms; and what a busy machine adds. */
const UNSYNCED_MS = 800;
/** A master tells its replica in the moment in which it answers. */
const UNREPLICATED_MS = 100;
const LAST_WRITES = 'acknowledged just before';

/** Faults of the server itself. */
export const serverRows: readonly Row[] = [
  {
    id: '22',
    fault: 'server paused, shorter than the lock',
    engines: BOTH,
    sampled: [],
    run: async (stage) => {
      const count = stage.size(2000, 500);
      await stage.workers(2, { lockMs: 30_000 });
      const producing = stage.produce(count, { wave: 5 });
      await stage.reach('end', Math.floor(count / 4), 10_000);
      stage.host.pause();
      await stage.last(stage.size(5000, 2000));
      stage.host.resume();
      stage.faultOver();
      await producing;
    },
  },
  {
    id: '24',
    fault: {
      redis: 'server killed and restarted, appendfsync everysec',
      postgres: 'server killed and restarted, synchronous_commit off',
    },
    engines: BOTH,
    sampled: [],
    inFlight: 2 * 10,
    settings: (engine) => (engine === 'redis' ? ['appendfsync=everysec'] : ['synchronous_commit=off']),
    settleMs: () => 30_000,
    mayForget: forgettable,
    run: (stage) => killServer(stage, stage.engine === 'postgres' ? UNSYNCED_MS : 0),
  },
  {
    id: '25',
    fault: 'server killed and restarted, every write synced',
    engines: BOTH,
    sampled: ['redis'],
    inFlight: 2 * 10,
    settings: (engine) => (engine === 'redis' ? ['appendfsync=always'] : []),
    run: (stage) => killServer(stage),
  },
  {
    id: '27',
    fault: 'server away for 15 s, workers idle',
    engines: BOTH,
    sampled: [],
    run: async (stage) => {
      await stage.workers(2);
      const producer = stage.spawn('producer');
      await producer.ready;
      await stage.host.stop();
      await stage.last(15_000);
      await stage.host.start();
      stage.faultOver();
      await producer.produce({ from: 0, count: 200, wave: 20, pauseMs: 0, delayMs: 0, padding: 0 });
    },
    judge: ({ recoverySeconds }) => (recoverySeconds !== undefined && recoverySeconds <= 5 ? [] : ['not back within 5 s']),
  },
  {
    id: '28',
    fault: { redis: 'server loading its data for seconds', postgres: 'server killed, and starting up for seconds: it replays its log' },
    engines: BOTH,
    sampled: [],
    inFlight: 2 * 10,
    // Microseconds a key: seconds of loading take no gigabytes.
    settings: (engine) => (engine === 'redis' ? ['appendfsync=no', 'key-load-delay=100'] : ['max_wal_size=16GB', 'checkpoint_timeout=1h']),
    run: async (stage) => {
      const count = stage.size(1000, 300);
      await stage.workers(2, { handler: { kind: 'wait', ms: 20 } });
      await fill(stage);
      const producing = stage.produce(count, { wave: 5 });
      await stage.reach('end', Math.floor(count / 4), 10_000);
      await stage.host.stop();
      const from = performance.now();
      await stage.host.start();
      if (stage.engine === 'redis') await stage.holds(() => stage.host.command('PING').then(Boolean, () => false), 60_000);
      stage.note('seconds loading', Math.round((performance.now() - from) / 100) / 10);
      stage.faultOver();
      await producing;
    },
  },
  {
    id: 'failover',
    fault: 'master killed, its replica promoted by Sentinels',
    engines: ['redis'],
    absent: 'not measured: who promotes a standby is not the server',
    sentinels: true,
    sampled: [],
    inFlight: 2 * 10,
    mayForget: forgettable,
    run: async (stage) => {
      const count = stage.size(2000, 500);
      await stage.workers(2);
      const producing = stage.produce(count, { wave: 5 });
      await stage.reach('end', Math.floor(count / 4), 10_000);
      stage.note(LAST_WRITES, stage.recent(UNREPLICATED_MS));
      await stage.host.failOver();
      stage.faultOver();
      await producing;
    },
  },
  {
    id: 'scripts',
    absent: 'no such thing: its functions are in the schema',
    fault: 'scripts flushed, again and again',
    engines: ['redis'],
    sampled: [],
    run: async (stage) => {
      const count = stage.size(2000, 500);
      await stage.workers(2);
      const producing = stage.produce(count, { wave: 5 });
      await stage.at(stage.size(20, 5), 'end', count, async () => {
        await stage.host.command('SCRIPT', 'FLUSH');
      });
      await producing;
    },
  },
  {
    id: 'read-only',
    absent: 'not measured: needs a standby',
    fault: 'server read-only for 5 s',
    engines: ['redis'],
    sampled: [],
    inFlight: 2 * 10,
    run: async (stage) => {
      const count = stage.size(1000, 500);
      await stage.workers(2);
      const producing = stage.produce(count, { wave: 2, pauseMs: 2 });
      await stage.reach('end', Math.floor(count / 4), 10_000);
      // A replica of nobody: it keeps its data, and refuses writes.
      await stage.host.command('REPLICAOF', '127.0.0.1', '1');
      await stage.last(stage.size(5000, 2000));
      await stage.host.command('REPLICAOF', 'NO', 'ONE');
      stage.faultOver();
      await producing;
    },
  },
];

/** What is to be read again when the server starts. */
async function fill(stage: Stage): Promise<void> {
  const count = stage.size(50_000, 20_000);
  if (stage.engine === 'redis') {
    await stage.host.command('EVAL', `for i = 1, ${count} do redis.call('SET', 'filler:' .. i, i) end`, '0');
    return;
  }
  await stage.host.sql('CREATE TABLE public.filler (n text PRIMARY KEY)');
  // In no order, so that replaying it is not only writing.
  await stage.host.sql(`INSERT INTO public.filler SELECT md5(n::text) FROM generate_series(1, ${20 * count}) AS n`);
}

/** @param unsyncedMs - how long the server keeps what it has acknowledged from the disk */
async function killServer(stage: Stage, unsyncedMs = 0): Promise<void> {
  const count = stage.size(2000, 500);
  await stage.workers(2);
  const producing = stage.produce(count, { wave: 5 });
  await stage.reach('end', Math.floor(count / 4), 10_000);
  if (unsyncedMs > 0) stage.note(LAST_WRITES, stage.recent(unsyncedMs));
  await stage.host.stop();
  await stage.last(1000);
  await stage.host.start();
  stage.faultOver();
  await producing;
}

/** Nobody but the server can keep what it has acknowledged and not written. */
function forgettable({ notes }: Figures): number {
  return Number(notes[LAST_WRITES] ?? 0);
}
