import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { uniqueName } from '../testing/with-app.ts';
import { flowJob, suiteEngine } from '../testing/with-engine.ts';

/** A job's data, changed by compare-and-set. */
export function dataContract(test: TestEngine): void {
  const engine = suiteEngine(test);
  const stored = async (queue: string): Promise<unknown> => (await engine.find(queue, 'it'))?.data;
  const add = async (data: string): Promise<{ readonly queue: string; readonly id: string }> => {
    const place = { queue: uniqueName('q'), id: 'it' };
    await engine.addFlow([flowJob(place.queue, 'it', { data })]);
    return place;
  };

  describe('the data of a job', () => {
    it('is replaced when it is what was seen, whatever is in it', async () => {
      const data = { b: 1.5e-7, '2': [null, ''], '1': '\0 \uD800 \uE000 "\\', é: { '': {} } };
      const place = await add(JSON.stringify(data));
      const calls: unknown[] = [];
      const change = (now: unknown): unknown => {
        calls.push(now);
        return { now, text: '\0\uE000' };
      };
      expect(await engine.changeData(place, await stored(place.queue), change)).toEqual({ now: data, text: '\0\uE000' });
      expect(await stored(place.queue)).toEqual({ now: data, text: '\0\uE000' });
      expect(calls).toHaveLength(1);
    });

    it('is made anew of what it is now when that is another, also where JavaScript cannot say it', async () => {
      const place = await add('{ "n": 12345678901234567890.5, "s": "\\u0000\\ue000" }');
      expect(await engine.changeData(place, { n: 1 }, (now) => ({ ...(now as object), more: true }))).toMatchObject({ more: true });
      expect(await stored(place.queue)).toEqual({ n: Number('12345678901234567890.5'), s: '\0\uE000', more: true });
    });

    it('stays when nothing is made of it, and is told as it is', async () => {
      const place = await add('{"n":1}');
      expect(await engine.changeData(place, { n: 2 }, () => undefined)).toEqual({ n: 1 });
      expect(await engine.changeData({ ...place, id: 'none' }, {}, () => ({}))).toBeUndefined();
      expect(await stored(place.queue)).toEqual({ n: 1 });
    });

    it('loses no change of many at once', async () => {
      const place = await add('{"n":0}');
      const raise = (now: unknown): unknown => ({ n: (now as { readonly n: number }).n + 1 });
      await Promise.all(Array.from({ length: 20 }, () => engine.changeData(place, { n: 0 }, raise)));
      expect(await stored(place.queue)).toEqual({ n: 20 });
    });
  });
}
