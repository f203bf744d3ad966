import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { flowJob, openEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { DeadLetterKind } from './dead-letters.ts';
import { createStores } from './stores.ts';

const LIMITS = { ageMs: 3_600_000, count: 1000 };

function kind(fingerprint: string, task = 'charge'): DeadLetterKind {
  return { fingerprint, task, name: 'RangeError', code: 'E_LOW', message: `of "${fingerprint}" \u2026` };
}

export function deadLettersContract(test: TestEngine): void {
  // Limits are an app's: each test has one of its own, except where an engine takes long to open.
  let shared: Engine | undefined;
  afterAll(() => shared?.close());

  async function open(): Promise<Engine> {
    const app = uniqueName();
    if (test.kind === 'embedded') {
      shared ??= openEngine(test.url, app);
      const { deadLetters } = createStores(shared.storeServer);
      for (;;) {
        const page = await deadLetters.page({ limit: 1000 });
        await deadLetters.forget(page.map(({ id }) => id));
        if (page.length === 0) return shared;
      }
    }
    const engine = openEngine(test.url, app);
    onTestFinished(async () => {
      await engine.close();
      await deleteKeys(test.url, app);
    });
    return engine;
  }

  async function failedJobs(engine: Engine, queue: string, ids: readonly string[]): Promise<void> {
    await engine.addFlow(ids.map((id) => flowJob(queue, id)));
    await work(engine, queue, toVerdict);
    await until('they have failed', async () =>
      (await engine.findMany(ids.map((id) => ({ queue, id })))).every((job) => job?.state === 'failed'),
    );
  }

  describe('the index of dead letters', () => {
    it('are counted by queue, with the age of the oldest', async () => {
      const { deadLetters } = createStores((await open()).storeServer);
      const [a, b] = [uniqueName(), uniqueName()];
      for (const id of [`j1@${a}`, `j2@${a}`, `x@y@${b}`]) await deadLetters.add({ id, kind: kind(id) }, LIMITS);
      await deadLetters.add({ id: `j1@${a}`, kind: kind('another') }, LIMITS);
      const counts = async (): Promise<readonly number[]> => (await deadLetters.tally([b, 'none', a])).map(({ count }) => count);
      expect(await counts()).toEqual([1, 0, 2]);
      const ages = async (): Promise<readonly number[]> => (await deadLetters.tally(['none', a])).map(({ oldestAgeMs }) => oldestAgeMs);
      await until('a letter has an age', async () => ((await ages())[1] ?? 0) > 0);
      expect((await ages())[0]).toBe(0);
      await deadLetters.forget([`j2@${a}`]);
      await deadLetters.purge([`x@y@${b}`]);
      expect(await counts()).toEqual([0, 0, 1]);
      expect(await deadLetters.tally([])).toEqual([]);
    });

    it('lists them newest first, in pages, by task, queue and fingerprint', async () => {
      const { deadLetters } = createStores((await open()).storeServer);
      for (let n = 0; n < 7; n++) {
        const one = n % 2 === 0 ? kind('even') : kind('odd', 'refund');
        expect(await deadLetters.add({ id: `j${n}@${n < 3 ? 'q1' : 'q2'}`, kind: one }, LIMITS)).toBe(Math.floor(n / 2) + 1);
      }
      const all = await deadLetters.page({ limit: 100 });
      expect(all.map(({ id }) => id).toSorted()).toEqual(['j0@q1', 'j1@q1', 'j2@q1', 'j3@q2', 'j4@q2', 'j5@q2', 'j6@q2']);
      const key = ({ at, id }: { readonly at: number; readonly id: string }): string => `${at} ${id}`;
      expect(all.map(key)).toEqual(all.map(key).toSorted().toReversed());
      const ids = async (query: object) => (await deadLetters.page({ limit: 100, ...query })).map(({ id }) => id).toSorted();
      expect(await ids({ task: 'refund' })).toEqual(['j1@q1', 'j3@q2', 'j5@q2']);
      expect(await ids({ queue: 'q1' })).toEqual(['j0@q1', 'j1@q1', 'j2@q1']);
      expect(await ids({ fingerprint: 'even', queue: 'q2' })).toEqual(['j4@q2', 'j6@q2']);
      expect(await ids({ fingerprint: 'even', task: 'refund' })).toEqual([]);
      const paged = [];
      for (let before = undefined as (typeof all)[number] | undefined; ; before = paged.at(-1)) {
        const page = await deadLetters.page({ limit: 2, before });
        paged.push(...page);
        if (page.length < 2) break;
      }
      expect(paged).toEqual(all);
      expect(await deadLetters.find('j3@q2')).toEqual(all.find(({ id }) => id === 'j3@q2'));
      expect(await deadLetters.find('j3@q1')).toBeUndefined();
    });

    it('counts a letter once, and moves it when it dies of something else', async () => {
      const { deadLetters } = createStores((await open()).storeServer);
      expect(await deadLetters.add({ id: 'a@q', kind: kind('one') }, LIMITS)).toBe(1);
      expect(await deadLetters.add({ id: 'a@q', kind: kind('one') }, LIMITS)).toBe(1);
      expect(await deadLetters.add({ id: 'b@q', kind: kind('one') }, LIMITS)).toBe(2);
      const [before] = await deadLetters.groups();
      expect(before).toEqual({
        ...kind('one'),
        count: 2,
        firstAt: expect.any(Number) as number,
        lastAt: expect.any(Number) as number,
        sample: 'b@q',
      });
      expect(await deadLetters.add({ id: 'b@q', kind: kind('two', 'refund') }, LIMITS)).toBe(1);
      const groups = await deadLetters.groups();
      expect(groups.map(({ fingerprint, count, sample, task }) => `${fingerprint} ${count} ${sample} ${task}`).toSorted()).toEqual([
        'one 1 a@q charge',
        'two 1 b@q refund',
      ]);
      await deadLetters.forget(['a@q', 'unknown@q']);
      expect((await deadLetters.groups()).map(({ fingerprint }) => fingerprint)).toEqual(['two']);
      expect(await deadLetters.purge(['b@q'])).toBe(0);
      expect(await deadLetters.groups()).toEqual([]);
      expect(await deadLetters.page({ limit: 10 })).toEqual([]);
    });

    it('purges jobs that have failed, and no others', async () => {
      const engine = await open();
      const { deadLetters } = createStores(engine.storeServer);
      const queue = uniqueName('q');
      await failedJobs(engine, queue, ['fail1', 'fail2']);
      await engine.addFlow([flowJob(queue, 'later', { delayMs: 60_000 })]);
      for (const id of ['fail1', 'fail2', 'later']) await deadLetters.add({ id: `${id}@${queue}`, kind: kind('one') }, LIMITS);
      expect(await deadLetters.purge([`fail1@${queue}`, `later@${queue}`])).toBe(1);
      const states = await engine.findMany(['fail1', 'fail2', 'later'].map((id) => ({ queue, id })));
      expect(states.map((job) => job?.state)).toEqual([undefined, 'failed', 'delayed']);
      expect((await deadLetters.page({ limit: 10 })).map(({ id }) => id)).toEqual([`fail2@${queue}`]);
      expect((await engine.queue(queue).getFailed()).map(({ id }) => id)).toEqual(['fail2']);
    });

    it('lets the oldest go with their jobs when there are too many, and when they are too old', async () => {
      const engine = await open();
      const { deadLetters } = createStores(engine.storeServer);
      const queue = uniqueName('q');
      const ids = ['fail1', 'fail2', 'fail3', 'fail4'];
      await failedJobs(engine, queue, ids);
      const add = (id: string, limits: typeof LIMITS) => deadLetters.add({ id: `${id}@${queue}`, kind: kind('one') }, limits);
      const left = async () => (await engine.findMany(ids.map((id) => ({ queue, id })))).flatMap((job) => job?.id ?? []);
      await add('fail1', LIMITS);
      await add('fail2', LIMITS);
      expect(await add('fail3', { ...LIMITS, count: 2 })).toBe(2);
      expect(await left()).toEqual(['fail2', 'fail3', 'fail4']);
      const [newest] = await deadLetters.page({ limit: 1 });
      await until('a millisecond has passed', () => Date.now() > (newest?.at ?? 0) + 5);
      expect(await add('fail4', { ...LIMITS, ageMs: 2 })).toBe(1);
      expect(await left()).toEqual(['fail4']);
      expect((await deadLetters.page({ limit: 10 })).map(({ id }) => id)).toEqual([`fail4@${queue}`]);
    });
  });

  describe('a failed job that is replaced', () => {
    it('is gone when the other is there, once', async () => {
      const engine = await open();
      const queue = uniqueName('q');
      await failedJobs(engine, queue, ['fail']);
      await engine.queue(queue).pause();
      const by = flowJob(queue, 'again', { data: '{"n":1}', attempts: 3, priority: 4, delayMs: 60_000 });
      const answers = await Promise.all([1, 2, 3].map(() => engine.replaceFailed({ queue, id: 'fail' }, by)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await engine.find(queue, 'fail')).toBeUndefined();
      expect(await engine.find(queue, 'again')).toMatchObject({ state: 'delayed', data: { n: 1 }, attempts: 3, priority: 4 });
      const [found] = await engine.findMany([{ queue, id: 'again' }]);
      expect(found?.priority).toBe(4);
      expect(await engine.replaceFailed({ queue, id: 'again' }, flowJob(queue, 'third'))).toBe(false);
      expect(await engine.find(queue, 'third')).toBeUndefined();
    });
  });
}
