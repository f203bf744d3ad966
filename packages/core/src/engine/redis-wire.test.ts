import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { RedisWire, type RedisAccess } from './redis-wire.ts';

const NOBODY = { username: undefined, password: undefined };

/** A connection to a server that answers in these bytes, once it has read something. */
async function wireTo(
  answer: readonly (string | Buffer)[],
  access: Partial<RedisAccess> = {},
): Promise<{ wire: RedisWire; received: () => string }> {
  let received = '';
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.once('data', () => {
      void (async () => {
        for (const part of answer) await new Promise((written) => socket.write(part, written));
        if (answer.length === 0) socket.destroy();
      })();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const wire = new RedisWire({ host: '127.0.0.1', port }, { credentials: NOBODY, tls: undefined, timeoutMs: 5000, ...access });
  onTestFinished(() => {
    wire.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { wire, received: () => received };
}

it('reads replies of every kind in order, however they are cut', async () => {
  const replies = '+OK\r\n:42\r\n$5\r\n\u{20ac}\r\n\r\n$-1\r\n*3\r\n:1\r\n*1\r\n$0\r\n\r\n*-1\r\n*0\r\n';
  const { wire, received } = await wireTo(Array.from(Buffer.from(replies), (byte) => Buffer.of(byte)));
  const calls = Array.from({ length: 6 }, (_, n) => wire.call('GET', `k\u{e9}${n}`));
  expect(await Promise.all(calls)).toEqual(['OK', 42, '\u{20ac}\r\n', null, [1, [''], null], []]);
  expect(received()).toContain('*2\r\n$3\r\nGET\r\n$4\r\nk\u{e9}0\r\n');
});

it('rejects the call that the server refuses, and no other', async () => {
  const { wire } = await wireTo(['-ERR no\r\n+OK\r\n']);
  const [refused, other] = await Promise.allSettled([wire.call('EVAL'), wire.call('PING')]);
  expect(refused).toMatchObject({ status: 'rejected', reason: { message: 'ERR no' } });
  expect(other).toMatchObject({ status: 'fulfilled', value: 'OK' });
  expect(wire.failed).toBe(false);
});

it('says why the password was refused, not what followed from it', async () => {
  const { wire, received } = await wireTo(['-WRONGPASS invalid\r\n-NOAUTH\r\n'], {
    credentials: { username: undefined, password: 's3cret' },
  });
  const error: unknown = await wire.call('PING').catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({ message: 'WRONGPASS invalid' });
  expect(JSON.stringify(error)).not.toContain('s3cret');
  expect(received()).toContain('AUTH\r\n$7\r\ndefault\r\n$6\r\ns3cret');
});

it('rejects every call once there is no answer, no connection, or one that is none of Redis', async () => {
  const [silent, gone, other] = await Promise.all([
    wireTo([':'], { timeoutMs: 50 }),
    wireTo([]),
    wireTo(['HTTP/1.1 400 Bad Request\r\n\r\n']),
  ]);
  await expect(silent.wire.call('PING')).rejects.toThrow('did not answer within 50 ms');
  await expect(gone.wire.call('PING')).rejects.toThrow('closed the connection');
  await expect(other.wire.call('PING')).rejects.toThrow('does not answer as Redis does');
  for (const { wire } of [silent, gone, other]) {
    expect(wire.failed).toBe(true);
    await expect(wire.call('PING')).rejects.toThrow(/answer|closed/u);
  }
});
