import { RedisSentinels } from '@oxbow/faults';
import { ABSENT, type Host } from './host.ts';

/** A master, its replica and three Sentinels; whoever looks for the master asks those. */
export async function openSentinels(): Promise<Host> {
  const sentinels = await RedisSentinels.started();
  const [first] = sentinels.servers;
  return {
    ...ABSENT,
    port: first.port,
    start: () => first.start(),
    stop: () => first.stop(),
    pause: () => first.pause(),
    resume: () => first.resume(),
    urlAt: () => sentinels.url,
    failOver: async () => {
      await sentinels.killMaster();
    },
    [Symbol.asyncDispose]: () => sentinels[Symbol.asyncDispose](),
  };
}
