import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { replaceWhenSilent } from './redis-silence.ts';

/** A connection that is ready, on which `waiting` has not been answered. */
function connect(...waiting: string[]) {
  const stream = { bytesRead: 0, destroy: vi.fn<(error: Error) => void>() };
  const client = Object.assign(new EventEmitter(), {
    stream,
    status: 'ready',
    commandQueue: { peekFront: () => (waiting[0] === undefined ? undefined : { command: { name: waiting[0] } }) },
    ping: vi.fn<() => Promise<void>>(async () => {
      waiting.push('ping');
    }),
  });
  replaceWhenSilent(client as unknown as Redis);
  client.emit('connect');
  onTestFinished(() => void client.emit('close'));
  return { client, stream, waiting };
}

const seconds = (n: number): Promise<unknown> => vi.advanceTimersByTimeAsync(n * 1000);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('drops a connection on which a command is not answered', async () => {
  const { stream } = connect('evalsha');
  await seconds(8);
  expect(stream.destroy).not.toHaveBeenCalled();
  await seconds(2);
  expect(stream.destroy).toHaveBeenCalled();
});

it('waits longer for a blocking read', async () => {
  const { stream } = connect('bzpopmin');
  await seconds(12);
  expect(stream.destroy).not.toHaveBeenCalled();
  await seconds(2);
  expect(stream.destroy).toHaveBeenCalled();
});

it('asks an idle server whether it is there', async () => {
  const { client, stream } = connect();
  await seconds(5);
  expect(client.ping).toHaveBeenCalledOnce();
  await seconds(9);
  expect(stream.destroy).toHaveBeenCalled();
});

it('leaves a connection that answers alone', async () => {
  const { client, stream, waiting } = connect();
  for (let round = 0; round < 30; round++) {
    await seconds(1);
    if (waiting.pop() !== undefined) stream.bytesRead += 7;
  }
  expect(stream.destroy).not.toHaveBeenCalled();
  expect(client.ping).toHaveBeenCalled();
});

it('leaves a connection alone on which a long reply comes piece by piece', async () => {
  const { stream } = connect('lrange');
  for (let round = 0; round < 30; round++) {
    await seconds(1);
    stream.bytesRead += 1;
  }
  expect(stream.destroy).not.toHaveBeenCalled();
});

it('has no timer when nothing is connected', () => {
  const { client } = connect();
  expect(vi.getTimerCount()).toBe(1);
  client.emit('close');
  expect(vi.getTimerCount()).toBe(0);
});
