import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-url.ts';

const none = { username: undefined, password: undefined };

describe('a Redis URL', () => {
  it('names one server', () => {
    expect(parseRedisUrl('redis://ann:s%2F3%40@host:7000/2')).toEqual({
      kind: 'server',
      label: 'redis://host:7000/2',
      secure: false,
      addresses: [{ host: 'host', port: 7000 }],
      credentials: { username: 'ann', password: 's/3@' },
      database: 2,
      master: '',
      sentinelCredentials: none,
    });
  });

  it('names Sentinels, a master and a database', () => {
    expect(parseRedisUrl('rediss+sentinel://:pw@a,b:1,[::1]:2/my%20master/3?sentinelUsername=ann&sentinelPassword=a%3Db=+')).toEqual({
      kind: 'sentinel',
      label: 'rediss+sentinel://a:26379,b:1,[::1]:2/my%20master/3',
      secure: true,
      addresses: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 1 },
        { host: '::1', port: 2 },
      ],
      credentials: { username: undefined, password: 'pw' },
      database: 3,
      master: 'my master',
      sentinelCredentials: { username: 'ann', password: 'a=b=+' },
    });
  });

  it('names nodes of a cluster', () => {
    expect(parseRedisUrl('redis+cluster://a,b:7001/')).toEqual({
      kind: 'cluster',
      label: 'redis+cluster://a:6379,b:7001',
      secure: false,
      addresses: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 7001 },
      ],
      credentials: none,
      database: 0,
      master: '',
      sentinelCredentials: none,
    });
  });

  it.each([
    ['redis://host', 'redis://host:6379'],
    ['redis://host/', 'redis://host:6379'],
    ['rediss://[fe80::1]:7000/1', 'rediss://[fe80::1]:7000/1'],
    ['redis://ann@host', 'redis://host:6379'],
    ['redis://a:b@c:d@host', 'redis://host:6379'],
    ['redis+sentinel://h/m', 'redis+sentinel://h:26379/m'],
  ])('%s is shown as %s', (url, label) => {
    expect(parseRedisUrl(url).label).toBe(label);
  });

  it.each([
    ['redis://', 'A host is missing'],
    ['redis://:6379', 'A host is missing'],
    ['redis://host:0', 'no number from 1 to 65535'],
    ['redis://host:65536', 'no number from 1 to 65535'],
    ['redis://host:port', 'no number from 1 to 65535'],
    ['redis://::1', 'A host is missing'],
    ['redis://a,b', 'It names one host'],
    ['redis://host/db', 'something else after the host'],
    ['redis://host/1/2', 'something else after the host'],
    ['redis://host?db=1', 'a parameter that is not known'],
    ['redis://host#1', 'percent-encoded'],
    ['redis:host', 'percent-encoded'],
    ['redis://:p%w@host', 'begins no percent-encoded character'],
    ['redis+sentinel://h', 'The name of the master is missing'],
    ['redis+sentinel://h/', 'The name of the master is missing'],
    ['redis+sentinel://h,/m', 'A host is missing'],
    ['redis+sentinel://h/m/x', 'something else after the host'],
    ['redis+sentinel://h/m?sentinelPasword=x', 'a parameter that is not known'],
    ['redis+cluster://h/0', 'a cluster has no databases'],
    ['redis+cluster://h?sentinelPassword=x', 'a parameter that is not known'],
  ])('%s is refused: %s', (url, reason) => {
    expect(() => parseRedisUrl(url)).toThrow(
      expect.objectContaining({ code: 'invalid_url', message: expect.stringContaining(reason) as string }) as Error,
    );
  });

  it.each([
    'redis://user:SECRET@host:x',
    'redis://user:SEC/RET:SECRET@host',
    'redis://user:SECRET%@host',
    'redis+sentinel://host/SECRET/SECRET?SECRET=SECRET',
    'redis+cluster://user:?SECRET@host',
  ])('%s is refused without a word of it', (url) => {
    try {
      parseRedisUrl(url);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid_url' });
      expect(inspect(error, { depth: 10, showHidden: true }).replaceAll(/\n\s+at .*/gu, '')).not.toContain('SECRET');
    }
  });
});
