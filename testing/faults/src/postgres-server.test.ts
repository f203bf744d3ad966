import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { postgresProgram, PostgresServer } from './postgres-server.ts';

/** An SSLRequest, which every server answers with one letter before it asks who we are. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

async function answer(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(SSL_REQUEST);
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString();
}

describe.skipIf(postgresProgram === undefined)('a postgres of one’s own', { timeout: 90_000 }, () => {
  it('starts, answers, is paused, resumed, killed and restarted, each with what it had', async () => {
    await using server = await PostgresServer.create();
    expect(server.pid).toBeUndefined();
    await server.start();
    expect(await answer(server.port)).toBe('N');
    server.pause();
    const late = answer(server.port);
    server.resume();
    expect(await late).toBe('N');
    server.pause();
    await server.stop();
    expect(server.pid).toBeUndefined();
    await expect(answer(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.start();
    await server.restart();
    expect(await answer(server.port)).toBe('N');
    await server.stopImmediately();
    await expect(answer(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.start();
    expect(await answer(server.port)).toBe('N');
  });
});
