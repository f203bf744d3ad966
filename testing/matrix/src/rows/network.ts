import type { Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const BOTH = ['redis', 'postgres'] as const;

/** Faults between us and the server. */
export const networkRows: readonly Row[] = [
  {
    id: '15',
    fault: 'every connection ended by the server, again and again',
    engines: BOTH,
    sampled: ['redis'],
    run: async (stage) => {
      const count = stage.size(2000, 500);
      await stage.workers(2);
      const producing = stage.produce(count, { wave: 5 });
      await stage.at(stage.size(10, 4), 'end', count, () => stage.host.killClients());
      await producing;
    },
  },
  {
    id: '16',
    fault: 'reply lost and connection reset, while adding',
    engines: BOTH,
    sampled: BOTH,
    run: async (stage) => {
      const count = stage.size(2000, 1000);
      const proxy = await stage.proxy();
      await stage.workers(2);
      const producing = stage.produce(count, { through: proxy, wave: 20 });
      await stage.at(stage.size(20, 10), 'accepted', count, () => Promise.race([proxy.swallowReply(sentBy(stage)), producing]));
      await producing;
      stage.note('resets', proxy.counts.swallowed);
      const asker = stage.spawn('producer');
      await asker.ready;
      const reply = await asker.ask({ kind: 'count' });
      if (reply.kind === 'count') stage.note('jobs stored', reply.count);
    },
    judge: ({ notes, accepted, rejected }) =>
      Number(notes['jobs stored']) <= accepted + rejected ? [] : [`${notes['jobs stored']} jobs stored of ${accepted + rejected}`],
  },
  {
    id: '17',
    fault: 'reply lost and connection reset, while working',
    engines: BOTH,
    sampled: [],
    inFlight: 30,
    run: async (stage) => {
      const count = stage.size(6000, 1000);
      const proxy = await stage.proxy();
      await stage.workers(2, { through: proxy });
      const producing = stage.produce(count);
      await stage.at(stage.size(30, 8), 'end', count, () => Promise.race([proxy.swallowReply(sentBy(stage)), stage.last(2000)]));
      await producing;
      stage.note('resets', proxy.counts.swallowed);
    },
  },
  {
    id: '19',
    fault: 'half-open connections: silence without an end',
    engines: BOTH,
    sampled: ['redis'],
    inFlight: 2 * 10,
    settleMs: (stage) => stage.size(70_000, 20_000),
    run: async (stage) => {
      const count = stage.size(1500, 300);
      const proxy = await stage.proxy();
      await stage.workers(2, { through: proxy, handler: { kind: 'wait', ms: 10 } });
      const producing = stage.produce(count, { wave: 2 });
      await stage.reach('end', Math.floor(count / 5), 10_000);
      proxy.silence();
      await stage.last(stage.size(10_000, 1000));
      proxy.speak();
      stage.faultOver();
      await producing;
    },
    judge: ({ recoverySeconds }) => (recoverySeconds !== undefined && recoverySeconds <= 15 ? [] : ['not back within 15 s']),
  },
  {
    id: '20',
    fault: '100 ms each way',
    engines: BOTH,
    sampled: [],
    run: async (stage) => {
      const proxy = await stage.proxy();
      proxy.delay({ toServerMs: 100, toClientMs: 100 });
      await stage.workers(2, { through: proxy });
      await stage.produce(stage.size(400, 100), { through: proxy, wave: 50 });
    },
  },
];

/** What a chunk of a request has that writes: the reply that is lost is then one that matters. */
function sentBy(stage: Stage): string {
  return stage.engine === 'redis' ? 'evalsha' : '';
}
