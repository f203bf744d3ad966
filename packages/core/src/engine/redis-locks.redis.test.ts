import { readFile } from 'node:fs/promises';
import { freePort, RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { certificate, tlsSettings } from '../testing/certificate.ts';
import { expect, it } from 'vitest';
import { RedisLocks } from './redis-locks.ts';
import { RedisWire } from './redis-wire.ts';

const PASSWORD = 'p@ss/w';

withOwnRedis('the renewal thread on redis', () => {
  async function served(url: (port: number) => string, tls?: { readonly ca: Buffer }, ...args: readonly string[]) {
    const server = await RedisServer.started('--requirepass', PASSWORD, ...args);
    const credentials = { username: undefined, password: PASSWORD };
    const client = new RedisWire({ host: '127.0.0.1', port: server.port }, { credentials, tls: undefined, timeoutMs: 5000 });
    const target = { app: 'a', url: url(server.port), connectTimeoutMs: 5000, tls };
    const locks = new RedisLocks({ kind: 'redis', target, prefix: 'q', stores: 's:' });
    await client.call('SELECT', '3');
    await client.call('RPUSH', 'q:work:active', 'ours', 'theirs', 'free');
    const lock = async (): Promise<void> => {
      await client.call('SET', 'q:work:ours:lock', 'me:1', 'PX', '5000');
      await client.call('SET', 'q:work:theirs:lock', 'you:1', 'PX', '5000');
    };
    await lock();
    const ttls = () => Promise.all(['ours', 'theirs', 'free'].map((id) => client.call('PTTL', `q:work:${id}:lock`) as Promise<number>));
    return { client, locks, lock, ttls };
  }
  const secret = encodeURIComponent(PASSWORD);

  it('renews what its owners hold, by password, in the database of the URL, also after the server has dropped the connection', async () => {
    const { client, locks, lock, ttls } = await served((port) => `redis://:${secret}@127.0.0.1:${port}/3`);
    await locks.renew('work', ['me:', 'none:'], 60_000);
    const [ours, theirs, free] = await ttls();
    expect(ours).toBeGreaterThan(50_000);
    expect(theirs).toBeLessThanOrEqual(5000);
    expect(free).toBe(-2);

    await lock();
    const connections = async (): Promise<readonly string[]> =>
      [...String(await client.call('CLIENT', 'LIST')).matchAll(/id=(\d+) .*name=oxbow:locks /gu)].map((match) => match[1] ?? '');
    const [id = ''] = await connections();
    await client.call('CLIENT', 'KILL', 'ID', id);
    await expect
      .poll(() => locks.renew('work', ['me:'], 60_000).then(ttls))
      .toMatchObject([expect.closeTo(60_000, -4), expect.anything(), -2]);

    const [other = ''] = await connections();
    await client.call('CLIENT', 'KILL', 'ID', other);
    await expect
      .poll(() => Promise.allSettled([1, 2, 3].map(() => locks.renew('work', ['me:'], 60_000))).then(connections))
      .toHaveLength(1);
    locks.rest();
    client.close();
  });

  it('renews by rediss:// with a private CA, and rejects without showing the password', async () => {
    const files = await certificate();
    const port = await freePort();
    const ca = await readFile(files.cert);
    const { client, locks, ttls } = await served(() => `rediss://:${secret}@localhost:${port}/3`, { ca }, ...tlsSettings(port, files));
    await locks.renew('work', ['me:'], 60_000);
    expect((await ttls())[0]).toBeGreaterThan(50_000);
    locks.rest();

    const target = { app: 'a', url: `rediss://:wr0ng@localhost:${port}/3`, connectTimeoutMs: 5000, tls: { ca } };
    const refused = new RedisLocks({ kind: 'redis', target, prefix: 'q', stores: 's:' });
    await expect(refused.renew('work', ['me:'], 60_000)).rejects.toThrow(/^WRONGPASS(?!.*wr0ng)/u);
    refused.rest();
    client.close();
  });
});
