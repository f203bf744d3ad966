import type { MinimalJob } from 'bullmq';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import type { LeanRedisBackend } from './redis-backend.ts';
import { tellingLast } from './redis-last-job.ts';
import { createRedisDriver } from './redis.ts';

const NOW = 1_700_000_000_000;
const DUE = (NOW - 5) * 0x1000;
const LATER = (NOW + 60_000) * 0x1000;
const IDS = ['a', 'b', 'c'] as const;
/** Of one queue, all but the marker. */
const KEYS = [
  ...['wait', 'active', 'prioritized', 'delayed', 'events', 'limiter', 'meta', 'pc', 'completed', 'failed'],
  ...[...IDS, 'run'].flatMap((id) => [id, `${id}:lock`]),
];

/** Where each job is; and what else the scripts look at. */
const state = fc.record({
  places: fc.array(fc.constantFrom('wait', 'prioritized', 'due', 'later'), { maxLength: 3 }),
  meta: fc.constantFrom({}, {}, {}, { paused: 1 }, { concurrency: 1 }, { concurrency: 9 }, { max: 1, duration: 1000 }),
  limited: fc.boolean(),
  markers: fc.subarray(['0', '1']),
  script: fc.constantFrom('moveToActive', 'completed', 'failed'),
  fetchNext: fc.constantFrom(true, true, true, false),
});
type State = typeof state extends fc.Arbitrary<infer Value> ? Value : never;

onRedis(({ url }) => {
  it('leaves what BullMQ leaves, but for the marker after the last job', async () => {
    const app = uniqueName();
    const driver = createRedisDriver({ app, url, connectTimeoutMs: 5000, tls: undefined, onError: () => undefined });
    await driver.open();
    const client = new Redis(url);
    onTestFinished(async () => {
      client.disconnect();
      await driver.close();
      await deleteKeys(url, app);
    });
    vi.spyOn(Date, 'now').mockReturnValue(NOW);
    onTestFinished(() => void vi.restoreAllMocks());
    const theirs = await side('theirs', (lua) => lua);
    const ours = await side('ourown', tellingLast);

    /** A queue on which the scripts are what `change` makes of BullMQ's. */
    async function side(queue: string, change: (lua: string, marker: number) => string) {
      const backend = driver.backend(queue, { ...driver.workerOptions(), lockDuration: 30_000 } as never) as LeanRedisBackend;
      await backend.waitUntilReady();
      const scripts = (backend.clients[0] as Redis).scriptsSet as Readonly<
        Record<string, { readonly lua: string; readonly numberOfKeys: number }>
      >;
      let reply: unknown;
      backend.execCommand = async (_client, name, args) => {
        const script = scripts[`${name}:${backend['version']}`]!;
        reply = await client.eval(change(script.lua, name === 'moveToActive' ? 11 : 14), script.numberOfKeys, ...(args as string[]));
        return reply;
      };
      const base = `{oxbow:${app}}:q:${queue}:`;
      return {
        async run(given: State) {
          await arrange(client, base, given);
          const job = { id: 'run', opts: { attempts: 1 } } as unknown as MinimalJob;
          if (given.script === 'moveToActive') await backend.moveToActive('t:1');
          else if (given.script === 'completed') await backend.moveToCompleted(job, '"x"', false, 't:0', given.fetchNext);
          else await backend.moveToFailed(job, 'no', false, 't:0', given.fetchNext);
          return {
            reply,
            left: await contents(client, base),
            marker: await client.zscore(`${base}marker`, '0'),
            delayMarker: await client.zscore(`${base}marker`, '1'),
            jobs: await client.exists(['wait', 'prioritized', 'delayed'].map((key) => base + key)),
          };
        },
      };
    }

    let told = 0;
    await fc.assert(
      fc.asyncProperty(state, async (given) => {
        const expected = await theirs.run(given);
        const found = await ours.run(given);
        const brought = Array.isArray(expected.reply) && Array.isArray(expected.reply[0]);
        const wasLast = brought && expected.jobs === 0;
        if (wasLast) told += 1;
        expect(found.left).toEqual(expected.left);
        expect(withoutLimit(found.reply)).toEqual(withoutLimit(wasLast ? [...(expected.reply as unknown[]), 1] : expected.reply));
        expect(found.delayMarker).toBe(expected.delayMarker);
        expect(found.marker).toBe(wasLast ? null : expected.marker);
        if (brought) expect(expected.marker).toBe('0');
      }),
      { numRuns: 150 },
    );
    expect(told).toBeGreaterThan(5);
    const all = [...KEYS, 'marker'].flatMap((key) => [`{oxbow:${app}}:q:theirs:${key}`, `{oxbow:${app}}:q:ourown:${key}`]);
    expect(all).toEqual(expect.arrayContaining(await client.keys(`?oxbow:${app}?*`)));
  });
});

async function arrange(client: Redis, base: string, { places, meta, limited, markers, script }: State): Promise<void> {
  const all = client.multi().del(...[...KEYS, 'marker'].map((key) => base + key));
  for (const [i, place] of places.entries()) {
    const id = IDS[i]!;
    all.hset(`${base}${id}`, { name: 'job', data: '{}', opts: '{}', timestamp: NOW, priority: i === 0 ? 2 : 0, delay: 0 });
    if (place === 'wait') all.lpush(`${base}wait`, id);
    else if (place === 'prioritized') all.zadd(`${base}prioritized`, i, id);
    else all.zadd(`${base}delayed`, (place === 'due' ? DUE : LATER) + i, id);
  }
  for (const marker of markers) all.zadd(`${base}marker`, marker === '0' ? 0 : NOW + 60_000, marker);
  if (Object.keys(meta).length > 0) all.hset(`${base}meta`, meta);
  if (limited) all.set(`${base}limiter`, 1, 'PX', 60_000);
  if (script !== 'moveToActive') {
    all.hset(`${base}run`, { name: 'job', data: '{}', opts: '{}', timestamp: NOW });
    all.set(`${base}run:lock`, 't:0').lpush(`${base}active`, 'run');
  }
  await all.exec();
}

/** Of events what they say: their ids are times. */
async function contents(client: Redis, base: string): Promise<Record<string, unknown>> {
  const found = KEYS.map(async (key): Promise<[string, unknown]> => {
    if (key === 'events') return [key, (await client.xrange(base + key, '-', '+')).map(([, fields]) => fields)];
    return [key, (await client.dumpBuffer(base + key))?.toString('latin1')];
  });
  return Object.fromEntries(await Promise.all(found));
}

/** For how long the queue is limited grows less from one call to the next. */
function withoutLimit(reply: unknown): unknown {
  return Array.isArray(reply) ? reply.map((item: unknown, i) => (i === 2 ? Number(item) > 0 : item)) : reply;
}
