import { ask } from './redis-ask.ts';
import type { Locate } from './redis-connector.ts';
import { addressText, type RedisAddress, type RedisUrl } from './redis-url.ts';
import type { RedisAccess } from './redis-wire.ts';

/**
 * Asks the Sentinels for the master. Each time another one is asked first, so that one whose knowledge is old (it was cut
 * off from the others) is not believed for ever. Sentinels that others know of are asked too.
 */
export function sentinelLocator({ addresses, master }: RedisUrl, access: RedisAccess): Locate {
  let known: readonly RedisAddress[] = addresses;
  let turn = 0;
  return async () => {
    const sentinels = known;
    const first = turn++;
    let failure: unknown;
    for (let i = 0; i < sentinels.length; i += 1) {
      const sentinel = sentinels[(first + i) % sentinels.length] as RedisAddress;
      try {
        const answer = await askSentinel(sentinel, access, master);
        known = distinct([...addresses, ...answer.others]);
        return answer.master;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
}

/** Each address once, in this order. */
export function distinct(addresses: readonly RedisAddress[]): readonly RedisAddress[] {
  return [...new Map(addresses.map((address) => [addressText(address), address])).values()];
}

interface Answer {
  readonly master: RedisAddress;
  readonly others: readonly RedisAddress[];
}

async function askSentinel(sentinel: RedisAddress, access: RedisAccess, name: string): Promise<Answer> {
  return ask(sentinel, access, async (server) => {
    const [found, others] = (await Promise.all([
      server.call('SENTINEL', 'get-master-addr-by-name', name),
      server.call('SENTINEL', 'sentinels', name).catch(() => []),
    ])) as [readonly [string, string] | null, readonly (readonly string[])[]];
    if (found === null) throw new Error(`The Sentinel ${addressText(sentinel)} knows no master named "${name}".`);
    return { master: { host: found[0], port: Number(found[1]) }, others: others.flatMap(reachable) };
  });
}

/** A Sentinel as another one describes it, a flat list of names and values; none when it is down. */
function reachable(fields: readonly string[]): readonly RedisAddress[] {
  const field = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
  const [host, port] = [field('ip'), Number(field('port'))];
  return host === '' || !(port > 0) || /disconnected|_down/u.test(field('flags')) ? [] : [{ host, port }];
}
