import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { createApp, type App } from '../app.ts';
import type { AppOptions, BackgroundOptions } from '../app-options.ts';
import { operate } from '../operate.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { recordSignals, silent } from '../testing/with-app.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly background?: string;
  readonly err?: { readonly message: string };
  readonly lost?: Readonly<Record<string, number>>;
}

/** An app whose engine is never opened: nothing here needs one. */
function makeApp(background: BackgroundOptions = {}, options: Partial<AppOptions> = {}): App {
  return createApp({ name: 'web', url: 'embedded:', logger: silent, background, ...options });
}

function logging(background: BackgroundOptions = {}): { readonly app: App; readonly lines: readonly Line[] } {
  const lines: Line[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  return { app: makeApp(background, { logger }), lines };
}

const codeOf = (call: () => unknown): unknown => {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
};

describe('app.background', () => {
  it('runs a call soon, and whoever called goes on first', async () => {
    const app = makeApp();
    const story: string[] = [];
    app.background(() => void story.push('call'));
    story.push('caller');
    await app.close();
    expect(story).toEqual(['caller', 'call']);
    expect(operate(app).background()).toEqual({ running: 0, waiting: 0, done: 1, failed: 0, lost: 0, refused: 0 });
  });

  it('runs so many at a time, in order, and refuses what is over the bound', async () => {
    const app = makeApp({ concurrency: 2, waiting: 3 });
    const gate = new Gate();
    const story: number[] = [];
    const call = (n: number): void =>
      app.background(async () => {
        story.push(n);
        await gate.pass();
      });
    for (const n of [1, 2, 3, 4, 5]) call(n);
    expect(() => call(6)).toThrow(
      expect.objectContaining({ code: 'background_full', message: expect.stringContaining('2 calls run and 3 wait') as unknown }),
    );
    await until('two run', () => gate.arrived === 2);
    expect(operate(app).background()).toMatchObject({ running: 2, waiting: 3, done: 0, refused: 1 });
    gate.open();
    await app.close();
    expect(story).toEqual([1, 2, 3, 4, 5]);
    expect(operate(app).background()).toMatchObject({ running: 0, waiting: 0, done: 5, refused: 1 });
  });

  it('takes ten at a time and a thousand that wait, unless told otherwise', async () => {
    const app = makeApp();
    const gate = new Gate();
    for (let n = 0; n < 1010; n++) app.background(() => gate.pass());
    expect(codeOf(() => app.background(() => gate.pass()))).toBe('background_full');
    expect(operate(app).background()).toMatchObject({ running: 10, waiting: 1000 });
    gate.open();
    await app.close();
    expect(operate(app).background()).toMatchObject({ done: 1010, lost: 0 });
  });

  it('logs what a call throws, counts it, tells it, and goes on', async () => {
    const { app, lines } = logging({ concurrency: 1 });
    const failed = recordSignals(app, 'background:failed');
    app.background(
      () => {
        throw new RangeError('at once');
      },
      { name: 'mail' },
    );
    app.background(async function purge() {
      await Promise.resolve();
      // oxlint-disable-next-line typescript/only-throw-error -- what others throw
      throw 'a text';
    });
    app.background(() => 'fine');
    await app.close();
    expect(lines.map(({ level, background, err }) => [level, background, err?.message])).toEqual([
      [50, 'mail', 'at once'],
      [50, 'purge', 'a text'],
    ]);
    expect(failed).toMatchObject([
      { name: 'mail', error: { message: 'at once' } },
      { name: 'purge', error: { message: 'a text' } },
    ]);
    expect(operate(app).background()).toMatchObject({ done: 1, failed: 2 });
  });

  it('logs a failure that comes again and again once a second, and counts each', async () => {
    const { app, lines } = logging();
    for (let n = 0; n < 100; n++) app.background(() => Promise.reject(Object.freeze(new Error('again'))), { name: 'mail' });
    await app.close();
    expect(lines).toHaveLength(1);
    expect(operate(app).background()).toMatchObject({ failed: 100 });
  });

  it('warns of a call that runs for more than a second, and names enqueue', async () => {
    const { app, lines } = logging();
    app.background(() => wait(1100), { name: 'report' });
    app.background(
      () => {
        const end = performance.now() + 1050;
        while (performance.now() < end);
      },
      { name: 'loop' },
    );
    await app.close();
    expect(lines.map(({ background }) => background)).toEqual(expect.arrayContaining(['loop', 'report']));
    expect(lines).toHaveLength(2);
    for (const { level, msg } of lines) expect([level, msg]).toEqual([40, expect.stringMatching(/more than a second.*enqueue/u)]);
  });

  it('keeps the async context of whoever called, also of a call that had to wait', async () => {
    const request = new AsyncLocalStorage<string>();
    const app = makeApp({ concurrency: 1 });
    const seen: unknown[] = [];
    for (const id of ['a', 'b', 'c']) request.run(id, () => app.background(() => void seen.push(request.getStore())));
    await app.close();
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  it.each<[unknown, unknown, RegExp]>([
    [undefined, undefined, /takes a function/u],
    [Promise.resolve(), undefined, /takes a function, not what it returns/u],
    [() => null, { nmae: 'x' }, /Did you mean "name"/u],
    [() => null, { name: '' }, /name: /u],
    [() => null, 'name', /expected object/u],
  ])('refuses %j with %j', (fn, options, message) => {
    const app = makeApp();
    expect(() => app.background(fn as never, options as never)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) as unknown }),
    );
  });

  it.each<[object, RegExp]>([
    [{ concurrency: 0 }, /background\.concurrency: /u],
    [{ waiting: -1 }, /background\.waiting: /u],
    [{ drain: 'soon' }, /background\.drain must be a duration/u],
    [{ limit: 1 }, /unknown option "background\.limit"/u],
  ])('of an app: refuses %j', (background, message) => {
    expect(() => makeApp(background)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) as unknown }),
    );
  });
});

describe('closing an app', () => {
  it('waits for what runs and what waits, and takes no more', async () => {
    const app = makeApp({ concurrency: 1 });
    const gate = new Gate();
    app.background(() => gate.pass());
    app.background(() => undefined);
    const closed = app.close();
    await until('the first runs', () => gate.arrived === 1);
    expect(codeOf(() => app.background(() => undefined))).toBe('closed');
    gate.open();
    await closed;
    expect(operate(app).background()).toMatchObject({ done: 2, lost: 0 });
  });

  it('aborts what outlasts background.drain; what stops then, or has not begun, is lost, named and counted', async () => {
    const { app, lines } = logging({ concurrency: 2, drain: 20 });
    const lost = recordSignals(app, 'background:lost');
    const failed = recordSignals(app, 'background:failed');
    app.background(({ signal }) => wait(60_000, undefined, { signal }), { name: 'polite' });
    app.background(({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason))), {
      name: 'quick',
    });
    for (const _ of [1, 2]) app.background(() => expect.unreachable(), { name: 'late' });
    await app.close();
    expect(lost).toEqual([{ lost: 3, names: { polite: 1, late: 2 } }]);
    expect(failed).toEqual([]);
    expect(lines).toMatchObject([{ level: 50, lost: { polite: 1, late: 2 }, msg: expect.stringContaining('3 calls') as unknown }]);
    expect(operate(app).background()).toEqual({ running: 0, waiting: 0, done: 1, failed: 0, lost: 3, refused: 0 });
  });

  it('does not wait for ever for a call that does not listen, whose end counts for nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const app = makeApp();
    const gate = new Gate();
    app.background(() => gate.pass());
    const closed = app.close();
    await vi.advanceTimersByTimeAsync(4999);
    expect(operate(app).background()).toMatchObject({ lost: 0 });
    await vi.advanceTimersByTimeAsync(1001);
    vi.useRealTimers();
    await closed;
    gate.open();
    await until('it has ended', () => operate(app).background().running === 0);
    expect(operate(app).background()).toMatchObject({ done: 0, lost: 1 });
  });
});
