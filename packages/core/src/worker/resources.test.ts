import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Gate } from '../testing/gate.ts';
import { silent } from '../testing/with-app.ts';
import { Resources } from './resources.ts';

type Hooks = ConstructorParameters<typeof Resources<unknown>>[0];

const LIMITS = { startupMs: 60_000, shutdownMs: 60_000 };

function make(hooks: Hooks, settings: Partial<typeof LIMITS> = {}): Resources<unknown> {
  return new Resources(hooks, { ...LIMITS, ...settings }, silent);
}

describe('startup', () => {
  it.each([
    [
      'throws',
      () => {
        throw new TypeError('no pool');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('no pool'))],
  ])('fails with a code, and its own error as the cause, when it %s', async (_, startup) => {
    let shutdowns = 0;
    const resources = make({ startup, shutdown: () => void shutdowns++ });
    await expect(resources.make()).rejects.toMatchObject({
      code: 'startup_failed',
      message: 'The startup of the worker failed: no pool',
      cause: expect.any(TypeError) as unknown,
    });
    await resources.dispose();
    expect(shutdowns).toBe(0);
  });

  it('fails at its limit, is told, and what it makes later is disposed of', async () => {
    const gate = new Gate();
    const disposed: unknown[] = [];
    let told: unknown;
    const resources = make(
      {
        startup: async ({ signal }) => {
          signal.addEventListener('abort', () => (told = signal.reason));
          await gate.pass();
          return 'late';
        },
        shutdown: (deps) => void disposed.push(deps),
      },
      { startupMs: 5 },
    );
    await expect(resources.make()).rejects.toMatchObject({ code: 'startup_timeout', message: expect.stringContaining('5 ms') as unknown });
    expect(told).toMatchObject({ code: 'startup_timeout' });
    gate.open();
    await resources.dispose();
    expect(disposed).toEqual(['late']);
  });

  it('is told when the worker is drained meanwhile, and what it makes all the same is disposed of', async () => {
    const disposed: unknown[] = [];
    const resources = make({
      startup: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason))),
      shutdown: (deps) => void disposed.push(deps),
    });
    const making = resources.make();
    resources.abandon();
    await expect(making).rejects.toMatchObject({ code: 'shutdown' });
    await resources.dispose();
    expect(disposed).toMatchObject([{ code: 'shutdown' }]);
  });

  it('is not told any more when it has ended', async () => {
    let signal: AbortSignal | undefined;
    const resources = make({ startup: (call) => (signal = call.signal) });
    await resources.make();
    resources.abandon();
    await resources.dispose();
    expect(signal?.aborted).toBe(false);
  });
});

describe('what startup made', () => {
  it.each([
    ['Symbol.asyncDispose', Symbol.asyncDispose],
    ['Symbol.dispose', Symbol.dispose],
  ])('is disposed of by its %s', async (_, symbol) => {
    const seen: unknown[] = [];
    const deps = {
      [symbol](): void {
        seen.push(this);
      },
    };
    const resources = make({ startup: () => deps });
    await resources.make();
    expect(seen).toEqual([]);
    await resources.dispose();
    expect(seen).toEqual([deps]);
  });

  it('is left to shutdown when there is one', async () => {
    const seen: string[] = [];
    const resources = make({
      startup: () => ({ [Symbol.dispose]: () => void seen.push('itself') }),
      shutdown: () => void seen.push('shutdown'),
    });
    await resources.make();
    await resources.dispose();
    expect(seen).toEqual(['shutdown']);
  });

  it.each([undefined, null, 5, 'text', { a: 1 }])('may be %j', async (deps) => {
    const resources = make({ startup: () => deps });
    await resources.make();
    expect(resources.deps).toBe(deps);
    await resources.dispose();
  });

  it('was not made when nobody asked for it, and is not disposed of', async () => {
    let shutdowns = 0;
    await make({ shutdown: () => void shutdowns++ }).dispose();
    expect(shutdowns).toBe(0);
  });
});

describe('shutdown', () => {
  it('is logged when it throws, and when it does not end in time', async () => {
    const lines: { msg: string; err?: { message: string } }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) });
    for (const shutdown of [() => Promise.reject(new Error('no goodbye')), () => new Gate().pass()]) {
      const resources = new Resources({ shutdown }, { ...LIMITS, shutdownMs: 5 }, log);
      await resources.make();
      await resources.dispose();
    }
    expect(lines).toMatchObject([
      { level: 50, msg: 'the shutdown of the worker failed', err: { message: 'no goodbye' } },
      { level: 50, msg: 'the shutdown of the worker has not ended within shutdownTimeout; it is not waited for any longer', shutdownMs: 5 },
    ]);
  });
});
