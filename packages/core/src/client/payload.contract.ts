import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TestEngine } from '../testing/engines.ts';
import { stages } from '../testing/with-app.ts';

const nested = (depth: number): unknown => (depth === 0 ? 'bottom' : { in: [nested(depth - 1)] });

const VALUES: readonly (readonly [name: string, value: unknown])[] = [
  ['a NUL character', 'a\u0000b'],
  ['escapes that look like NUL', '\\u0000 \\\\u0000 \\ud83d'],
  ['lone surrogates', ['\ud83d', '\ude00', 'x\ud83dy', '\ude00\ud83d']],
  ['emoji and combining marks', '😀 👩‍👩‍👧 é ZA̡͊͠͝LGO \u202E \uFEFF \uFFFF'],
  ['strange keys', { '': 1, 'a\u0000': 2, '\ud83d': 3, 'ä.b': 4, $ox: 5, in: 6, toString: 7 }],
  ['big integers as strings', { id: '90071992547409931234567890' }],
  ['numbers at the edges', [0, -1, 1e308, 5e-324, Number.MAX_SAFE_INTEGER, 0.1]],
  ['empty objects, arrays and strings', { a: {}, b: [], c: '', d: [{}, []] }],
  ['values fifteen levels deep', nested(15)],
  ['keys in no order', { z: 1, a: 2, m: { y: 1, b: 2 } }],
  ['null', null],
  ['false', false],
  ['zero', 0],
  ['a string of JSON', '{"$ox":1,"in":"x"}'],
  ['a plain object with the marker of the wire format', { $ox: 1, in: 'inner' }],
];

/** What goes in comes out: inputs, results and progress, on every engine. */
export function payloadContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('payloads', () => {
    it.each(VALUES)('carries %s both ways', async (_, value) => {
      const { app, queue, name, work } = stage();
      let got: unknown = 'nothing';
      const echo = app.task(name('echo'), {
        queue,
        run: (input: unknown) => {
          got = input;
          return input;
        },
      });
      await work();
      const handle = await echo.enqueue(value);
      expect(await handle.result()).toEqual(value);
      expect(got).toEqual(value);
      // Once by the event, once by a look-up.
      expect(await handle.result()).toEqual(value);
    });

    it('hands no input over as undefined, and no result as null', async () => {
      const { app, queue, name, work } = stage();
      let got: unknown = 'nothing';
      const task = app.task(name('nothing'), {
        queue,
        run: (input?: unknown) => {
          got = input;
        },
      });
      await work();
      const handle = await task.enqueue();
      expect(await handle.result()).toBeNull();
      expect(await handle.result()).toBeNull();
      expect(got).toBeUndefined();
    });

    it('takes no input where the schema makes it optional', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('optional'), { queue, input: z.string().optional(), run: (input) => input ?? 'none' });
      await work();
      expect(await (await task.enqueue()).result()).toBe('none');
    });

    it('leaves out undefined properties, as JSON does', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (input: { a?: number | undefined; b: number }) => ({ ...input, c: undefined }) });
      await work();
      expect(await (await echo.enqueue({ a: undefined, b: 1 })).result()).toStrictEqual({ b: 1 });
    });

    it('takes a result of exactly the limit and refuses one byte more, for good', async () => {
      const { app, queue, name, work } = stage();
      const text = app.task(name('text'), { queue, retry: { attempts: 3 }, run: (length: number) => 'ä'.repeat(length / 2 - 1) });
      await work();
      expect(await (await text.enqueue(65_536)).result()).toHaveLength(32_767);
      const over = await text.enqueue(65_538);
      await expect(over.result()).rejects.toMatchObject({
        code: 'task_failed',
        cause: { name: 'ResultTooLargeError', code: 'result_too_large' },
      });
      expect(await over.status()).toMatchObject({ status: 'failed', attempt: 1 });
    });

    it('takes an input of the limit and refuses more before anything is sent', async () => {
      const { app, queue, name, work } = stage();
      const length = app.task(name('length'), { queue, run: (text: string) => text.length });
      await work();
      expect(await (await length.enqueue('x'.repeat(262_142))).result()).toBe(262_142);
      await expect(length.enqueue('x'.repeat(262_143))).rejects.toMatchObject({ code: 'payload_too_large' });
      await expect(length.enqueue(nested(17) as never)).rejects.toMatchObject({ code: 'payload_too_large' });
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('refuses what JSON cannot carry and names its path', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (input: unknown) => input });
      await expect(echo.enqueue({ items: [{ at: new Date(0) }] })).rejects.toMatchObject({
        code: 'serialization',
        path: 'input.items.0.at',
      });
      await expect(echo.enqueue({ n: 1n })).rejects.toMatchObject({ path: 'input.n' });
      await expect(echo.enqueue(JSON.parse('{"__proto__":{"admin":true}}'))).rejects.toMatchObject({ code: 'serialization' });
      const bad = app.task(name('bad'), { queue, retry: { attempts: 3 }, run: () => ({ at: Number.NaN }) });
      await work();
      await expect((await bad.enqueue()).result()).rejects.toMatchObject({
        cause: { code: 'serialization', message: expect.stringContaining('result.at') as string },
      });
    });

    it('checks the result with the output schema and gives its output form', async () => {
      const { app, queue, name, work } = stage();
      const output = z.object({ at: z.string().transform((text) => text.length) });
      const right = app.task(name('right'), { queue, output, run: () => ({ at: 'four' }) });
      const wrong = app.task(name('wrong'), { queue, output, retry: { attempts: 3 }, run: () => ({ at: 4 }) as never });
      await work();
      expect(await (await right.enqueue()).result()).toEqual({ at: 4 });
      const handle = await wrong.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ cause: { code: 'invalid_output' } });
      expect(await handle.status()).toMatchObject({ attempt: 1 });
    });

    it('carries awkward text in errors, headers and progress', async () => {
      const { app, queue, name, work } = stage();
      const awkward = 'a\u0000b\ud83dc 😀';
      const fail = app.task(name('fail'), {
        queue,
        run: async (_: undefined, ctx) => {
          await ctx.progress(1, 2, { awkward });
          throw new Error(`${ctx.headers['h']}|${awkward}`);
        },
      });
      await work();
      const handle = await fail.enqueue(undefined, { headers: { h: awkward } });
      await expect(handle.result()).rejects.toMatchObject({ cause: { message: `${awkward}|${awkward}` } });
      expect(await handle.status()).toMatchObject({
        progress: { done: 1, total: 2, meta: { awkward } },
        error: { message: `${awkward}|${awkward}` },
      });
    });
  });
}
