import type { EngineName } from '../orders.ts';
import type { Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const BOTH = ['redis', 'postgres'] as const;

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
  killedRow('24', 'server killed and restarted, appendfsync everysec', ['redis'], 'everysec'),
  killedRow('25', 'server killed and restarted, every write synced', BOTH, 'always'),
  {
    id: '27',
    fault: 'server away for 15 s, workers idle',
    engines: BOTH,
    sampled: [],
    run: async (stage) => {
      await stage.workers(2);
      await stage.host.stop();
      await stage.last(15_000);
      await stage.host.start();
      stage.faultOver();
      await stage.produce(200);
    },
    judge: ({ recoverySeconds }) => (recoverySeconds !== undefined && recoverySeconds <= 5 ? [] : ['not back within 5 s']),
  },
  {
    id: '28',
    fault: 'server loading its data for seconds',
    engines: ['redis'],
    sampled: [],
    inFlight: 2 * 10,
    // Microseconds a key: seconds of loading take no gigabytes.
    settings: () => ['appendfsync=no', 'key-load-delay=100'],
    run: async (stage) => {
      const count = stage.size(1000, 300);
      await stage.workers(2, { handler: { kind: 'wait', ms: 20 } });
      await stage.host.command('EVAL', `for i = 1, ${stage.size(50_000, 20_000)} do redis.call('SET', 'filler:' .. i, i) end`, '0');
      const producing = stage.produce(count, { wave: 5 });
      await stage.reach('end', Math.floor(count / 4), 10_000);
      await stage.host.stop();
      const from = performance.now();
      await stage.host.start();
      await stage.holds(() => stage.host.command('PING').then(Boolean, () => false), 60_000);
      stage.note('seconds loading', Math.round((performance.now() - from) / 100) / 10);
      stage.faultOver();
      await producing;
    },
  },
  {
    id: 'scripts',
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

function killedRow(id: string, fault: string, engines: readonly EngineName[], appendfsync: string): Row {
  return {
    id,
    fault,
    engines,
    sampled: id === '25' ? ['redis'] : [],
    inFlight: 2 * 10,
    settings: (engine) => (engine === 'redis' ? [`appendfsync=${appendfsync}`] : []),
    run: killServer,
  };
}

async function killServer(stage: Stage): Promise<void> {
  const count = stage.size(2000, 500);
  await stage.workers(2);
  const producing = stage.produce(count, { wave: 5 });
  await stage.reach('end', Math.floor(count / 4), 10_000);
  await stage.host.stop();
  await stage.last(1000);
  await stage.host.start();
  stage.faultOver();
  await producing;
}
