import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { failureOf, OTHER, resultOf, statusesOf, valueAt, type Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';
import { startWorker, uniqueName } from '../testing/with-app.ts';

const LONG = 'x'.repeat(20_000);

/** Values that move between jobs, and options that they inherit. */
export function valueCases(scene: () => Scene): void {
  describe('also: values', () => {
    it('the partial input wins over what comes before, what is given at enqueue over both', async () => {
      const { add, task } = scene();
      const pair = task<unknown, { x: number; y: number; z: number }>('pair', () => ({ x: 1, y: 9, z: 100 }));
      expect(await resultOf(chain(pair.si(), add.s({ y: 2 })).enqueue())).toBe(103);
      expect(await resultOf(chain(add.s({ x: 1, y: 2 }), add.s({ y: 1 }).receive('x')).enqueue({ y: 5 } as never))).toBe(7);
    });

    it('a value that is no object needs a key to land under', async () => {
      const { id, add } = scene();
      const run = await chain(id.si(1), add.s({ y: 2 }) as never).enqueue();
      expect(await failureOf(run)).toMatchObject({
        cause: { code: 'invalid_input', message: expect.stringContaining('receive') as string },
      });
    });

    it.each([
      ['null', null],
      ['false', false],
      ['an empty text', ''],
      ['zero', 0],
      ['a list', [1, [2]]],
      ['an object', { a: { b: 1 } }],
    ])('%s is handed on as it is', async (_, value) => {
      const { rec, tagged, seen } = scene();
      expect(await resultOf(chain(rec.si(value), rec.s(), tagged('t')).enqueue())).toEqual([value, 't']);
      expect(await resultOf(chord([rec.si(value)], rec.s()).enqueue())).toEqual([value]);
      expect(seen('rec')).toEqual([value, value, value, [value]]);
    });

    it('a task that gives nothing hands on null', async () => {
      const { task, rec, tagged } = scene();
      const nothing = task<unknown, undefined>('nothing', () => undefined);
      expect(await resultOf(chain(nothing.si(), tagged('t')).enqueue())).toEqual([null, 't']);
      expect(await resultOf(group(nothing.si(), rec.si(1)).enqueue())).toEqual([null, 1]);
      expect(await resultOf(chain(group(nothing.si(), nothing.si()), rec.s()).enqueue())).toEqual([null, null]);
    });

    it('a long value reaches every member, the links and what follows', async () => {
      const { rec, seen, task, tsum, quiet } = scene();
      const long = task<unknown, string>('long', () => LONG);
      const size = task('size', (text: string) => text.length);
      const canvas = chain(long.si().link(rec.s()), group(size.s(), chain(size.s(), group(size.si(LONG))), size.s()));
      expect(await resultOf(canvas.enqueue())).toEqual([20_000, [20_000], 20_000]);
      expect(await resultOf(chain(long.si(), group(size.s(), size.s()), tsum.s()).enqueue())).toBe(40_000);
      await quiet();
      expect(seen('rec')).toEqual([LONG]);
    });

    it('input given at enqueue reaches the members of a nested header, and no body', async () => {
      const { add, tsum, cat } = scene();
      const inner = chord([add.s({ y: 1 }), add.s({ y: 2 })], tsum.s());
      expect(await resultOf(chord([inner, add.s({ y: 3 })], cat.s()).enqueue({ x: 10 }))).toEqual([23, 13]);
    });
  });

  describe('also: inherited options', () => {
    it('a queue reaches down to whoever has none, the nearest first', async () => {
      const { queue, q } = scene();
      const inner = group(q.si(), q.si().with({ queue })).with({ queue: OTHER });
      const run = await chain(q.si(), inner, chord([q.si()], q.si()).with({ queue: OTHER }), q.si()).enqueue(undefined, { queue });
      expect(await run.result()).toBe(queue);
      const paths = [[0], [1, 0], [1, 1], [2, 'header', 0], [2, 'body']] as const;
      expect(await Promise.all(paths.map((path) => valueAt(run, path)))).toEqual([queue, OTHER, queue, OTHER, OTHER]);
    });

    it('headers of all depths come together, the innermost wins; links and error handlers have them too', async () => {
      const { task, fail, seen, quiet } = scene();
      const headers = task('headers', (_: unknown, ctx) => ({ ...ctx.headers }));
      const told = task('told', (_: unknown, ctx) => void seen('heard').push({ ...ctx.headers }));
      const inner = group(headers.si(), headers.si().with({ headers: { a: 'own', c: 'own' } })).with({
        headers: { a: 'group', b: 'group' },
      });
      const run = await inner.link(told.s()).enqueue(undefined, { headers: { b: 'run', d: 'run' } });
      expect(await run.result()).toEqual([
        { a: 'group', b: 'group', d: 'run' },
        { a: 'own', b: 'group', c: 'own', d: 'run' },
      ]);
      await quiet();
      expect(seen('heard')).toEqual([{ a: 'group', b: 'group', d: 'run' }]);
      await failureOf(
        await chain(fail.si())
          .onError(told.s())
          .with({ headers: { e: 'chain' } })
          .enqueue(),
      );
      await quiet();
      expect(seen('heard').at(-1)).toEqual({ e: 'chain' });
    });

    it.each(['first', 'last', 'only'])('the %s step expires that starts too late', async (which) => {
      const { app, id, rec, seen } = scene();
      const queue = uniqueName();
      const late = rec.s().with({ queue, expires: 1 });
      const canvas = { first: chain(late, id.si(1)), last: chain(id.si(1), late), only: chain(late) }[which as 'only'];
      const run = await canvas.enqueue();
      const place = [which === 'last' ? 1 : 0];
      const status = async (): Promise<string | undefined> =>
        (await statusesOf(run, ...(which === 'only' ? [] : [place])))[0] ?? (await run.status()).status;
      await until('it waits for its worker', async () => (await status()) === 'waiting');
      const ready = Date.now();
      await until('it has expired', () => Date.now() > ready + 1);
      await startWorker(app, { queues: { [queue]: 1 } });
      expect(await failureOf(run)).toMatchObject({ code: 'expired' });
      expect([await status(), (await run.status()).status, seen('rec')]).toEqual(['expired', 'expired', []]);
    });

    it('attempts reach every task of a canvas that has none of its own', async () => {
      const { fail, alwaysRetry, seen, quiet } = scene();
      const canvas = group(alwaysRetry.si(), alwaysRetry.si().with({ retry: { attempts: 1 } }), fail.si()).settle();
      expect(await resultOf(canvas.enqueue(undefined, { retry: { attempts: 3 } }))).toHaveLength(3);
      await quiet();
      expect(seen('alwaysRetry')).toHaveLength(4);
    });
  });
}
