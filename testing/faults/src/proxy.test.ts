import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Proxy } from './proxy.ts';
import { until } from './until.ts';

/** Answers every chunk with itself, in capitals. */
let server: Server;
let received = '';
const ends: Socket[] = [];
let proxy: Proxy;

beforeEach(async () => {
  received = '';
  server = createServer((socket) => {
    ends.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString();
      socket.write(bytes.toString().toUpperCase());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await Proxy.to((server.address() as { port: number }).port);
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  for (const end of ends.splice(0)) end.destroy();
  server.close();
});

interface Client {
  readonly socket: Socket;
  heard(): string;
  /** `ECONNRESET`, `end`, … once it is over. */
  over(): string | undefined;
}

async function client(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let heard = '';
  let over: string | undefined;
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString()));
  socket.on('end', () => (over ??= 'end'));
  socket.on('error', (error: NodeJS.ErrnoException) => (over ??= error.code));
  await once(socket, 'connect');
  return { socket, heard: () => heard, over: () => over };
}

describe('the proxy', () => {
  it('passes bytes both ways and counts them', async () => {
    const one = await client();
    one.socket.write('hello');
    await until('the answer', () => one.heard() === 'HELLO');
    expect(proxy.counts).toMatchObject({ connections: 1, bytesToServer: 5, bytesToClient: 5, bytesDropped: 0 });
    expect(proxy.open).toBe(1);
    one.socket.end();
    await until('the connection has gone', () => proxy.open === 0);
  });

  it('passes an end on as an end', async () => {
    const one = await client();
    one.socket.write('x');
    await until('the answer', () => one.heard() === 'X');
    ends[0]?.end();
    expect(await until('the end', () => one.over())).toBe('end');
  });

  it('delays each way by its own time, and keeps the order', async () => {
    const one = await client();
    proxy.delay({ toServerMs: 40, toClientMs: 60 });
    const from = performance.now();
    for (const letter of 'abc') one.socket.write(letter);
    await until('the answer', () => one.heard() === 'ABC');
    expect(performance.now() - from).toBeGreaterThanOrEqual(99);
    proxy.delay({ toServerMs: 0, toClientMs: 0 });
    one.socket.write('d');
    await until('the answer', () => one.heard() === 'ABCD');
  });

  it('falls silent without an end, and does not wake who was silent', async () => {
    const one = await client();
    one.socket.write('before');
    await until('the answer', () => one.heard() === 'BEFORE');
    proxy.silence();
    one.socket.write('during');
    const born = await client();
    born.socket.write('born');
    await until('the bytes are dropped', () => proxy.counts.bytesDropped === 10);
    proxy.speak();
    one.socket.write('after');
    born.socket.write('after');
    await until('the bytes are dropped', () => proxy.counts.bytesDropped === 20);
    const two = await client();
    two.socket.write('new');
    await until('the answer', () => two.heard() === 'NEW');
    expect(received).toBe('beforenew');
    expect([one.heard(), one.over(), born.heard(), born.over()]).toEqual(['BEFORE', undefined, '', undefined]);
  });

  it('swallows the reply to one request, which the server has had, and resets', async () => {
    const [one, two] = [await client(), await client()];
    const swallowed = proxy.swallowReply('add');
    one.socket.write('get');
    await until('the answer', () => one.heard() === 'GET');
    two.socket.write('add 1');
    await swallowed;
    await until('the reset', () => two.over() === 'ECONNRESET');
    expect(two.heard()).toBe('');
    expect(received).toBe('getadd 1');
    one.socket.write('add 2');
    await until('the answer', () => one.heard() === 'GETADD 2');
    expect(proxy.counts.swallowed).toBe(1);
  });

  it('refuses new connections, and leaves the old ones', async () => {
    const one = await client();
    proxy.refuse();
    const two = await client().catch((error: NodeJS.ErrnoException) => error.code);
    expect(typeof two === 'object' ? await until('the reset', () => two.over()) : two).toBe('ECONNRESET');
    one.socket.write('x');
    await until('the answer', () => one.heard() === 'X');
    await until('it was counted', () => proxy.counts.refused === 1);
    proxy.accept();
    const three = await client();
    three.socket.write('y');
    await until('the answer', () => three.heard() === 'Y');
  });

  it('cuts all, and takes new ones', async () => {
    const [one, two] = [await client(), await client()];
    await until('both are there', () => proxy.open === 2);
    proxy.cutAll();
    await until('the resets', () => one.over() === 'ECONNRESET' && two.over() === 'ECONNRESET');
    expect(proxy.counts.cut).toBe(2);
    const three = await client();
    three.socket.write('z');
    await until('the answer', () => three.heard() === 'Z');
  });

  it('silences a connection with its first request of a kind, and no other', async () => {
    proxy.hush('take');
    const [first, second] = [await client(), await client()];
    first.socket.write('give');
    await until('it answers others', () => first.heard() === 'GIVE');
    first.socket.write('take');
    await until('the request is dropped', () => proxy.counts.bytesDropped === 4);
    first.socket.write('give');
    second.socket.write('give');
    await until('another connection is answered', () => second.heard() === 'GIVE');
    expect([first.heard(), received]).toEqual(['GIVE', 'givegive']);
    proxy.hush(undefined);
    second.socket.write('take');
    await until('nothing is dropped any more', () => second.heard() === 'GIVETAKE');
  });
});
