import type { Redis } from 'ioredis';
import type { FailedChild, JobPlace } from './engine.ts';
import type { ChildValue } from './job-store.ts';

const SCAN_COUNT = 1000;

export async function redisChildValues(
  client: Redis,
  prefix: string,
  join: JobPlace,
  children: readonly JobPlace[],
): Promise<readonly ChildValue[]> {
  const keys = children.map((child) => keyOf(prefix, child));
  const values = await client.hmget(`${keyOf(prefix, join)}:processed`, ...keys);
  return values.map((text) => (text === null ? undefined : { value: JSON.parse(text) as unknown }));
}

/** Both the children that released the join and those whose failure it ignores. */
export async function redisFailedChildren(client: Redis, prefix: string, join: JobPlace): Promise<readonly FailedChild[]> {
  const reasons = new Map<string, string>();
  let cursor = '0';
  do {
    const [next, page] = await client.hscan(`${keyOf(prefix, join)}:failed`, cursor, 'COUNT', SCAN_COUNT);
    for (let i = 0; i + 1 < page.length; i += 2) reasons.set(page[i] as string, page[i + 1] as string);
    cursor = next;
  } while (cursor !== '0');
  return [...reasons].map(([key, reason]) => ({ ...placeOf(prefix, key), reason }));
}

function keyOf(prefix: string, { queue, id }: JobPlace): string {
  return `${prefix}:${queue}:${id}`;
}

/** No queue's name has a colon. */
function placeOf(prefix: string, key: string): JobPlace {
  const place = key.slice(prefix.length + 1);
  const colon = place.indexOf(':');
  return { queue: place.slice(0, colon), id: place.slice(colon + 1) };
}
