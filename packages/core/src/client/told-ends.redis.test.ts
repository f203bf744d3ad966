import { Worker, type Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { App } from '../app.ts';
import { ResultTimeoutError, TaskFailedError } from '../errors.ts';
import { onRedis } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, uniqueName, withApp } from '../testing/with-app.ts';

onRedis((engine) => {
  const connect = (): Redis => {
    const redis = new Redis(engine.url);
    onTestFinished(() => redis.disconnect());
    return redis;
  };
  /** Channels that processes of the app hear. */
  const listening = async (redis: Redis, app: App): Promise<readonly string[]> =>
    (await redis.pubsub('CHANNELS', `{oxbow:${app.name}}:q:re:*`)) as string[];
  const replyTo = async (redis: Redis, app: App, id: string): Promise<unknown> => {
    const opts = await redis.hget(`{oxbow:${app.name}}:q:default:${id.split('@')[0]}`, 'opts');
    return (JSON.parse(opts ?? '{}') as { readonly re?: unknown }).re;
  };
  /** An app whose results have been awaited, so that ends are told to it; `by` works. */
  const hearing = async (app: App = withApp(engine), by = app) => {
    const redis = connect();
    const echo = app.task('echo', { run: (value: unknown) => value });
    if (by !== app) by.task('echo', { run: (value: unknown) => value });
    await startWorker(by, { queues: { default: 5 } });
    await until('it hears', async () => {
      await (await echo.enqueue('first')).result();
      return (await listening(redis, app)).length === 1;
    });
    return { redis, app, echo };
  };
  /** In a process without a worker, which would read of broadcasts. */
  const hearingElsewhere = () => {
    const app = withApp(engine);
    return hearing(app, withApp(engine, { name: app.name }));
  };
  /** An app under a user of its own. */
  const appOf = async (...rules: readonly string[]): Promise<App> => {
    const redis = connect();
    const user = uniqueName('user');
    await redis.call('ACL', 'SETUSER', user, 'on', '>secret', '~*', ...rules);
    const url = Object.assign(new URL(engine.url), { username: user, password: 'secret' });
    const app = withApp(engine, { url: url.href });
    onTestFinished(() => redis.call('ACL', 'DELUSER', user).then(() => undefined));
    return app;
  };
  const feedOf = async (redis: Redis, app: App): Promise<string | undefined> =>
    ((await redis.client('LIST')) as string).split('\n').find((line) => line.includes(`name=oxbow:${app.name}:feed `));

  describe('ends of jobs that are told', { timeout: 30_000 }, () => {
    it('bring what jobs returned, and no event is read for it', async () => {
      const { redis, app, echo } = await hearingElsewhere();
      const reads = async (): Promise<boolean> => /flags=\S*b/u.test((await feedOf(redis, app)) ?? 'flags=b');
      for (const value of [1, null, 'two\nlines\n', { deep: ['é\u0000', ''] }, ''])
        expect(await (await echo.enqueue(value)).result()).toEqual(value);
      expect(await (await echo.enqueue()).result()).toBeNull();
      // What is read for the first one lingers; one that takes its time is read for.
      await until('some come without a read', async () => {
        if (await reads()) return false;
        for (let n = 0; n < 5; n += 1) await (await echo.enqueue(n)).result();
        return !(await reads());
      });
    });

    it('are those of jobs of which results are awaited: others carry no address', async () => {
      const { redis, app, echo } = await hearing();
      const awaited = await echo.enqueue(1);
      expect(await replyTo(redis, app, awaited.id)).toEqual(expect.any(String));
      const other = withApp(engine, { name: app.name });
      const unheard = await other.task('echo', { run: (value: unknown) => value }).enqueue(2);
      expect(await replyTo(redis, app, unheard.id)).toBeUndefined();
      expect(await unheard.result()).toBe(2);
      expect(await awaited.result()).toBe(1);
    });

    it('tell of a failure', async () => {
      const { app } = await hearing();
      const fail = app.task('fail', {
        run: () => {
          throw new RangeError('no\nroom');
        },
      });
      const failure: unknown = await (await fail.enqueue()).result().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(TaskFailedError);
      expect((failure as TaskFailedError).cause).toMatchObject({ name: 'RangeError', message: 'no\nroom' });
    });

    it('are told of an end that no worker has made', async () => {
      const { app } = await hearing();
      const idle = app.task('idle', { queue: 'idle', run: () => 1 });
      await expect((await idle.enqueue()).result({ timeout: 1 })).rejects.toBeInstanceOf(ResultTimeoutError);
      const handle = await idle.enqueue();
      const failure = handle.result().catch((error: unknown) => error);
      expect(await handle.cancel()).toBe(true);
      expect(await failure).toMatchObject({ cause: { code: 'cancelled' } });
    });

    it('are found when they have come before somebody waits, again and again, and by several at once', async () => {
      const { echo } = await hearing();
      for (const value of ['short', 'l'.repeat(10_000)]) {
        const handle = await echo.enqueue(value);
        await until('it has ended', async () => (await handle.status()).status === 'succeeded');
        expect(await Promise.all([handle.result(), handle.result()])).toEqual([value, value]);
        expect(await handle.result()).toBe(value);
      }
    });

    it('are waited for as any other when a job takes its time', async () => {
      const { app } = await hearing();
      const gate = new Gate();
      const slow = app.task('slow', { run: async (n: number) => (await gate.pass(), n) });
      const handles = await slow.enqueueMany([1, 2, 3]);
      const results = Promise.all(handles.map((handle) => handle.result()));
      const gone = handles[0]?.result({ timeout: 50 });
      await expect(gone).rejects.toBeInstanceOf(ResultTimeoutError);
      gate.open();
      expect(await results).toEqual([1, 2, 3]);
    });

    it('are not needed: the connection that hears them is killed, and no result is lost', async () => {
      const { redis, app, echo } = await hearing();
      const killing = (async () => {
        for (let kills = 0; kills < 5; kills += 1) {
          await until('it is killed', async () => {
            const id = /^id=(\d+)/u.exec((await feedOf(redis, app)) ?? '')?.[1];
            return id !== undefined && redis.client('KILL', 'ID', id).catch(() => 0);
          });
        }
      })();
      for (let n = 0; n < 200; n += 1) expect(await (await echo.enqueue(n)).result()).toBe(n);
      await killing;
      // For a while nobody listens.
      const handle = await echo.enqueue('after');
      expect(await handle.result()).toBe('after');
      expect(await replyTo(redis, app, handle.id)).toBeUndefined();
    });

    it('are not needed: a plain BullMQ worker ends the jobs', async () => {
      const { redis, app, echo } = await hearing();
      const task = app.task('elsewhere', { queue: 'elsewhere', run: () => 1 });
      const { hostname: host, port, pathname } = new URL(engine.url);
      const worker = new Worker('elsewhere', () => Promise.resolve(7), {
        connection: { host, port: Number(port), db: Number(pathname.slice(1)), maxRetriesPerRequest: null },
        prefix: `{oxbow:${app.name}}:q`,
      });
      onTestFinished(() => worker.close());
      worker.on('error', () => undefined);
      for (let n = 0; n < 10; n += 1) expect(await (await task.enqueue()).result({ timeout: '10s' })).toBe(7);
      expect(await (await echo.enqueue(1)).result()).toBe(1);
      expect(await listening(redis, app)).toHaveLength(1);
    });

    it('are not needed: a user who may use no channels ends jobs, and waits for them', async () => {
      const redis = connect();
      const app = await appOf('+@all', 'resetchannels');
      const echo = app.task('echo', { run: (n: number) => n });
      await startWorker(app, {});
      for (let n = 0; n < 20; n += 1) expect(await (await echo.enqueue(n)).result()).toBe(n);
      expect(await listening(redis, app)).toEqual([]);
      // Another one's job, who hears.
      const other = await hearing(withApp(engine, { name: app.name }));
      expect(await (await other.echo.enqueue('x')).result()).toBe('x');
      expect(await redis.llen(`{oxbow:${app.name}}:q:default:active`)).toBe(0);
    });

    it('need no line of their own in a job that a plain producer has added', async () => {
      const { app, redis } = await hearing();
      const queue = app.queue('default') as unknown as Queue;
      const job = await queue.add('echo', 'in', { jobId: 'a\nb' });
      await until('it has ended', async () => (await job.getState()) === 'completed');
      expect(await redis.hget(`{oxbow:${app.name}}:q:default:a\nb`, 'returnvalue')).toBe('"in"');
    });

    it('end with the app', async () => {
      const { app } = await hearing();
      const never = app.task('never', { queue: 'nowhere', run: () => 1 });
      await expect((await never.enqueue()).result({ timeout: 1 })).rejects.toBeInstanceOf(ResultTimeoutError);
      const waiting = (await never.enqueue()).result().catch((error: unknown) => error);
      await app.close();
      expect(await waiting).toMatchObject({ code: 'closed' });
    });
  });
});
