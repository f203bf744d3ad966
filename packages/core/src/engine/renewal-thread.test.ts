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
let busy = false;
let guardLane: (options: LaneGuardOptions) => LaneGuard | undefined;

vi.mock('node:worker_threads', () => ({ Worker: FakeThread }));

const lane = (queue: string, tls?: object): LaneGuardOptions => ({
  access: { kind: 'redis', prefix: 'q', stores: 's', target: { app: 'a', url: 'redis://x', connectTimeoutMs: 1, tls } },
  queue,
  owner: `${queue}:`,
  lockDurationMs: 3000,
  maxBlockedMs: 60_000,
  onTrouble: ({ message }) => troubles.push(message),
  isBusy: () => busy,
});
/** A lane that has had a job. */
const working = (queue: string): LaneGuard | undefined => {
  const guard = guardLane(lane(queue));
  guard?.working();
  return guard;
};
const guarded = (thread: FakeThread | undefined): readonly string[] =>
  (thread?.messages ?? []).flatMap((message) => ('guard' in message ? [message.guard.queue] : []));

beforeEach(async () => {
  [threads, troubles, busy] = [[], [], false];
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
    const guards = [working('one'), working('two')];
    expect(threads).toHaveLength(1);
    expect(guarded(threads[0])).toEqual(['one', 'two']);
    await guards[0]?.release();
    expect(threads[0]?.terminated).toBe(0);
    await guards[1]?.release();
    expect(threads[0]?.terminated).toBe(1);
    working('three');
    expect(threads).toHaveLength(2);
    expect(troubles).toEqual([]);
  });

  it('starts with the first job of any lane, and guards all', () => {
    guardLane(lane('one'));
    vi.advanceTimersByTime(120_000);
    expect(threads).toHaveLength(0);
    working('two');
    guardLane(lane('three'));
    expect(threads).toHaveLength(1);
    expect(guarded(threads[0])).toEqual(['one', 'two', 'three']);
  });

  it('ends when there has been no job for a while, and starts with the next one', () => {
    const guard = working('one');
    busy = true;
    vi.advanceTimersByTime(3_600_000);
    expect(threads[0]?.terminated).toBe(0);
    busy = false;
    vi.advanceTimersByTime(299_000);
    guard?.working();
    vi.advanceTimersByTime(299_000);
    expect(threads[0]?.terminated).toBe(0);
    vi.advanceTimersByTime(2000);
    expect(threads[0]?.terminated).toBe(1);
    vi.advanceTimersByTime(3_600_000);
    expect(threads).toHaveLength(1);
    guard?.working();
    expect(guarded(threads[1])).toEqual(['one']);
    expect(troubles).toEqual([]);
  });

  it('is shown when a renewal by the main thread is under way, also when it fails', async () => {
    const guard = working('one');
    const message = threads[0]?.messages[0] as Extract<ToThread, { readonly guard: unknown }>;
    const { extending } = message.guard;
    await guard?.extending(() => Promise.resolve(expect(Atomics.load(extending, 0) % 2).toBe(1)));
    expect(Atomics.load(extending, 0) % 2).toBe(0);
    await guard?.extending(() => Promise.reject(new Error('away'))).catch(() => undefined);
    expect(Atomics.load(extending, 0) % 2).toBe(0);
  });

  it('is started again when it ends, with every lane, and says so once', () => {
    working('one');
    working('two');
    threads[0]?.emit('message', { kind: 'ready' });
    threads[0]?.emit('error', new Error('out of memory'));
    threads[0]?.emit('exit', 1);
    expect(troubles).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(threads).toHaveLength(2);
    expect(guarded(threads[1])).toEqual(['one', 'two']);
  });

  it('is not tried again where it cannot run, and the lanes go on without it', () => {
    const guard = working('one');
    expect(guard).toBeDefined();
    threads[0]?.emit('error', new Error('Cannot find module'));
    threads[0]?.emit('exit', 1);
    vi.advanceTimersByTime(3_600_000);
    guard?.working();
    expect(guardLane(lane('two'))).toBeUndefined();
    expect(threads).toHaveLength(1);
    expect(troubles).toHaveLength(1);
  });

  it('hands its troubles to the lane that they are about', () => {
    working('one');
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
