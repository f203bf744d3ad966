import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { RedisSentinels, withOwnRedis } from '../testing/redis-server.ts';
import { uniqueName, withApp } from '../testing/with-app.ts';
import { expectWork, NOTHING_AMISS, workThroughFailover } from './failover.contract.ts';

withOwnRedis('behind Sentinels', () => {
  const on = (url: string) => ({ kind: 'redis', url }) as const;

  it('works, with passwords for the servers and for the Sentinels', async () => {
    const sentinels = await RedisSentinels.started({ password: 'p@ss', sentinelPassword: 'se/cret' });
    await expectWork(sentinels.url);

    const unnamed = withApp(on(sentinels.urlOf('nobody')), { connectTimeout: 500 });
    await expect(unnamed.ready()).rejects.toMatchObject({
      code: 'engine_unavailable',
      cause: { message: expect.stringContaining('knows no master named "nobody"') as string },
    });

    const refused = withApp(on(sentinels.url.replace(/\?.*/u, '?sentinelPassword=wr0ng')), { connectTimeout: 500 });
    const error: unknown = await refused.ready().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'engine_unavailable' });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/wr0ng|p@ss|p%40ss/u);
  });

  it('goes on when the master is killed while jobs run and are added', async () => {
    const sentinels = await RedisSentinels.started();
    expect(await workThroughFailover(sentinels.url, uniqueName(), () => sentinels.killMaster())).toEqual(NOTHING_AMISS);
  });

  it('goes on when the Sentinels are told to fail over: the old master lives on as a replica', async () => {
    const sentinels = await RedisSentinels.started();
    expect(await workThroughFailover(sentinels.url, uniqueName(), () => sentinels.failOver())).toEqual(NOTHING_AMISS);
  });
});
