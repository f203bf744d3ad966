import { EventEmitter } from 'node:events';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ToThread } from './lock-access.ts';
import type { LaneGuard, LaneGuardOptions } from './renewal-thread.ts';

class FakeThread extends EventEmitter {
  readonly messages: ToThread[] = [];
  terminated = 0;

  constructor() {
    super();
    threads.push(this);
  }

  postMessage(message: ToThread): void {
    this.messages.push(structuredClone(message));
  }

  unref(): void {
    // It never holds the process.
  }

  terminate(): Promise<number> {
    this.terminated++;
    this.emit('exit', 1);
    return Promise.resolve(1);
  }
}

let threads: FakeThread[] = [];
let troubles: string[] = [];
let guardLane: (options: LaneGuardOptions) => LaneGuard | undefined;

vi.mock('node:worker_threads', () => ({ Worker: FakeThread }));

const lane = (queue: string, tls?: object): LaneGuardOptions => ({
  access: { kind: 'redis', prefix: 'q', stores: 's', target: { app: 'a', url: 'redis://x', connectTimeoutMs: 1, tls } },
  queue,
  owner: `${queue}:`,
  lockDurationMs: 3000,
  maxBlockedMs: 60_000,
  onTrouble: ({ message }) => troubles.push(message),
});
const guarded = (thread: FakeThread | undefined): readonly string[] =>
  (thread?.messages ?? []).flatMap((message) => ('guard' in message ? [message.guard.queue] : []));

beforeEach(async () => {
  [threads, troubles] = [[], []];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  // As in a process that runs the sources.
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue(['--import', 'tsx']);
  vi.resetModules();
  ({ guardLane } = await import('./renewal-thread.ts'));
});

// What was loaded here has no real thread, and the next file may run in this process.
afterAll(() => vi.resetModules());

describe('the renewal thread', () => {
  it('is one for all lanes, and ends with the last of them', async () => {
    const guards = [guardLane(lane('one')), guardLane(lane('two'))];
    expect(threads).toHaveLength(1);
    expect(guarded(threads[0])).toEqual(['one', 'two']);
    await guards[0]?.release();
    expect(threads[0]?.terminated).toBe(0);
    await guards[1]?.release();
    expect(threads[0]?.terminated).toBe(1);
    guardLane(lane('three'));
    expect(threads).toHaveLength(2);
    expect(troubles).toEqual([]);
  });

  it('is shown when a renewal by the main thread is under way, also when it fails', async () => {
    const guard = guardLane(lane('one'));
    const message = threads[0]?.messages[0] as Extract<ToThread, { readonly guard: unknown }>;
    const { extending } = message.guard;
    await guard?.extending(() => Promise.resolve(expect(Atomics.load(extending, 0) % 2).toBe(1)));
    expect(Atomics.load(extending, 0) % 2).toBe(0);
    await guard?.extending(() => Promise.reject(new Error('away'))).catch(() => undefined);
    expect(Atomics.load(extending, 0) % 2).toBe(0);
  });

  it('is started again when it ends, with every lane, and says so once', () => {
    guardLane(lane('one'));
    guardLane(lane('two'));
    threads[0]?.emit('message', { kind: 'ready' });
    threads[0]?.emit('error', new Error('out of memory'));
    threads[0]?.emit('exit', 1);
    expect(troubles).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(threads).toHaveLength(2);
    expect(guarded(threads[1])).toEqual(['one', 'two']);
  });

  it('is not tried again where it cannot run, and the lanes go on without it', () => {
    expect(guardLane(lane('one'))).toBeDefined();
    threads[0]?.emit('error', new Error('Cannot find module'));
    threads[0]?.emit('exit', 1);
    vi.advanceTimersByTime(60_000);
    expect(guardLane(lane('two'))).toBeUndefined();
    expect(threads).toHaveLength(1);
    expect(troubles).toHaveLength(1);
  });

  it('hands its troubles to the lane that they are about', () => {
    guardLane(lane('one'));
    const message = threads[0]?.messages[0] as Extract<ToThread, { readonly guard: unknown }>;
    threads[0]?.emit('message', { kind: 'trouble', lane: message.guard.id, message: 'refused' });
    expect(troubles).toEqual([expect.stringContaining('refused')]);
  });

  it('is not given connection options that cannot go to a thread', () => {
    expect(guardLane(lane('one', { checkServerIdentity: () => undefined }))).toBeUndefined();
    expect(threads).toHaveLength(0);
    expect(troubles).toHaveLength(1);
  });
});
