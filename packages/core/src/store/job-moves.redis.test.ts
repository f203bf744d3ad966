import { Redis } from 'ioredis';
import { afterAll, expect, it } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine, work } from '../testing/with-engine.ts';
import { createStores } from './stores.ts';

const LONG_MS = 3_600_000;
const JOB = 'job';

onRedis((test) => {
  const engine = suiteEngine(test);
  const { leases } = createStores(engine.storeServer);
  const client = new Redis(test.url);
  afterAll(() => client.disconnect());

  /** What a queue has in Redis, without times. */
  async function contents(queue: string): Promise<object> {
    const base = engine.queue(queue).toKey('');
    const lists = await Promise.all(['wait', 'active'].map((list) => client.lrange(base + list, '0', '-1')));
    const sets = await Promise.all(['delayed', 'prioritized'].map((set) => client.zrange(base + set, '0', '-1')));
    const [job, lock, stalled, marker, meta] = await Promise.all([
      client.hgetall(base + JOB),
      client.exists(`${base}${JOB}:lock`),
      client.smembers(`${base}stalled`),
      client.zrange(`${base}marker`, '0', '-1'),
      client.hgetall(`${base}meta`),
    ]);
    const events = await client.xrange(`${base}events`, '-', '+');
    const { timestamp: _timestamp, processedOn: _processedOn, pb: _worker, ...fields } = job;
    const named = events.map(([, pairs]) => pairs.map((value) => (/^\d{13}$/u.test(value) ? 'a time' : value)));
    return { lists, sets, fields, lock, stalled, marker, isPaused: meta['paused'], events: named };
  }

  async function add(queue: string, rest: { readonly delayMs?: number; readonly priority?: number }): Promise<void> {
    await engine.add(queue, { id: JOB, name: 'job', data: '{}', timestamp: Date.now(), ...rest });
  }

  it.each([
    ['a queue', {}, false],
    ['a queue with priorities', { priority: 5 }, false],
    ['a paused queue', {}, true],
  ])('a job whose turn has come in %s is promoted as BullMQ promotes it', async (_, rest, paused) => {
    const [ours, theirs, key] = [uniqueName('ours'), uniqueName('theirs'), uniqueName('key')];
    for (const queue of [ours, theirs]) {
      if (paused) await engine.queue(queue).pause();
      await add(queue, { ...rest, delayMs: LONG_MS });
    }
    const holder = await leases.acquire({ key, owner: 'holder', ttlMs: LONG_MS });
    await leases.acquire({ key, owner: 'job', ttlMs: LONG_MS, wait: { job: { queue: ours, id: JOB } } });
    await leases.release({ key, owner: 'holder', fence: holder.kind === 'held' ? holder.fence : 0 });
    await (await engine.queue(theirs).getJob(JOB))?.promote();
    expect(await contents(ours)).toEqual(await contents(theirs));
  });

  it.each([
    ['a queue', {}],
    ['a queue with priorities', { priority: 5 }],
  ])('a job that follows another one of its unique key in %s is promoted as BullMQ promotes it', async (_, rest) => {
    const [ours, theirs, key] = [uniqueName('ours'), uniqueName('theirs'), uniqueName('key')];
    for (const queue of [ours, theirs]) {
      await engine.add(queue, { id: 'other', name: 'job', data: '{}', timestamp: Date.now(), ...rest });
      await add(queue, { ...rest, delayMs: LONG_MS });
    }
    const [app = ''] = engine.queue(ours).toKey('').split(':q:');
    await client.hset(`${app}:s:u:${key}`, { q: ours, id: 'first', at: 1, nq: ours, nid: JOB });
    await engine.leaveUnique(key, { queue: ours, id: 'first' });
    await (await engine.queue(theirs).getJob(JOB))?.promote();
    expect(await contents(ours)).toEqual(await contents(theirs));
  });

  it.each([
    ['delayed', false],
    ['put at the head', true],
  ])('a job that is parked is %s as BullMQ does it', async (_, granted) => {
    const [ours, theirs, key] = [uniqueName('ours'), uniqueName('theirs'), uniqueName('key')];
    if (granted) await leases.acquire({ key, owner: JOB, ttlMs: LONG_MS });
    const delayMs = granted ? 0 : LONG_MS;
    for (const queue of [ours, theirs]) {
      const gate = new Gate();
      await add(queue, {});
      const lane = await work(engine, queue, async (job) => {
        await gate.opened;
        const move = (token: string): Promise<void> => leases.park({ place: { key, owner: JOB }, job, token, delayMs: LONG_MS });
        return { kind: 'putBack', delayMs, ...(queue === ours ? { move } : {}) };
      });
      await until('it runs', () => lane.pulse.running === 1);
      // What it puts back it would fetch again.
      await engine.queue(queue).pause();
      gate.open();
      await until('it is back', () => lane.pulse.running === 0);
    }
    await until('both are there', async () => {
      const [mine, other] = [await contents(ours), await contents(theirs)];
      return JSON.stringify(mine) === JSON.stringify(other);
    });
    expect(await contents(ours)).toEqual(await contents(theirs));
  });
});
