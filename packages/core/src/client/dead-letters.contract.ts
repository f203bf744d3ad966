import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { CancelledError, type OxbowError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { elsewhere, recordSignals, stages, withApp, type Stage } from '../testing/with-app.ts';
import type { DeadLetter } from './dead-letter.ts';

class Declined extends Error {
  readonly code = 'E_DECLINED';
}

/** What the store throws of a promise. */
function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'none',
    (error: OxbowError) => error.code,
  );
}

export function deadLettersContract(engine: TestEngine): void {
  const newStage = stages(engine, { redact: ['card.number'] });

  /** A task that fails until `repaired`. */
  function fragile({ app, queue, name }: Stage, options: object = {}) {
    const state = { repaired: false, ran: [] as unknown[] };
    const task = app.task(name('charge'), {
      queue,
      input: z.object({ order: z.string(), amount: z.number().positive(), card: z.object({ number: z.string() }).optional() }),
      retry: { attempts: 2, backoff: () => 0 },
      run: (input, ctx) => {
        state.ran.push([input.order, ctx.attempt]);
        if (!state.repaired) throw new Declined(`order ${input.order} declined`, { cause: new TypeError('no funds') });
        return input.amount;
      },
      ...options,
    });
    return { state, task };
  }

  async function lettersOf({ app, queue }: Stage, count: number): Promise<readonly DeadLetter[]> {
    return until(`${count} letters`, async () => {
      const { letters } = await app.deadLetters.list({ queue });
      return letters.length === count ? letters : undefined;
    });
  }

  describe('a dead letter', () => {
    it('is a job that has finally failed, with all that is known of it', async () => {
      const stage = newStage();
      const { task } = fragile(stage);
      const signals = recordSignals(stage.app, 'task:dead-lettered');
      await stage.work();
      const handle = await task.enqueue(
        { order: '17', amount: 5, card: { number: '4111' } },
        { headers: { trace: 't1', token: 'secret' } },
      );
      const [letter] = await lettersOf(stage, 1);
      expect(letter).toEqual({
        id: handle.id,
        task: task.name,
        queue: stage.queue,
        fingerprint: expect.any(String) as string,
        reason: 'error',
        input: { order: '17', amount: 5, card: { number: '[Redacted]' } },
        headers: { trace: 't1', token: '[Redacted]' },
        error: {
          name: 'Error',
          message: 'order 17 declined',
          code: 'E_DECLINED',
          stack: expect.stringContaining('dead-letters.contract') as string,
          cause: { name: 'TypeError', message: 'no funds', code: undefined, stack: expect.any(String) as string, cause: undefined },
        },
        attempts: 2,
        crashes: 0,
        worker: expect.stringMatching(new RegExp(`:${process.pid}$`, 'u')) as string,
        enqueuedAt: expect.any(Date) as Date,
        startedAt: expect.any(Date) as Date,
        failedAt: expect.any(Date) as Date,
        runId: undefined,
        origin: undefined,
      });
      expect(await elsewhere(engine, stage.app, { redact: ['card.number'] }).deadLetters.get(handle.id)).toEqual(letter);
      const [signal] = await until('the signal', () => (signals.some(({ id }) => id === handle.id) ? signals : undefined));
      expect(signals.find(({ id }) => id === handle.id)).toMatchObject({
        task: task.name,
        queue: stage.queue,
        fingerprint: letter?.fingerprint,
        count: 1,
        reason: 'error',
      });
      expect(signal?.error).toBeInstanceOf(Error);
    });

    it('is none that was cancelled, has expired, opted out, or failed with its members', async () => {
      const stage = newStage();
      const { app, queue, name } = stage;
      const none = app.task(name('none'), { queue, deadLetter: false, run: () => Promise.reject(new Error('as planned')) });
      const cancels = app.task(name('cancels'), { queue, run: () => Promise.reject(new CancelledError()) });
      const fails = app.task(name('fails'), { queue, run: () => Promise.reject(new Declined('member')) });
      const sum = app.task(name('sum'), { queue, run: (all: readonly unknown[]) => all.length });
      await stage.work();
      const expired = await none.enqueue(undefined, { expires: new Date(0) });
      const handles = [await none.enqueue(), await cancels.enqueue(), expired];
      const run = await chain(group(fails.si(undefined), fails.si(undefined)), sum.s()).enqueue();
      await Promise.all([...handles, run].map((handle) => handle.result().catch(() => undefined)));
      const letters = await lettersOf(stage, 2);
      expect(letters.map(({ task, runId }) => [task, runId])).toEqual([
        [fails.name, run.id],
        [fails.name, run.id],
      ]);
      const [member] = letters;
      const refused = await app.deadLetters.replay(member?.id ?? '').catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'in_a_run', message: expect.stringContaining(`app.run("${run.id}").retryFailed()`) as string });
      for (const handle of handles)
        expect(await codeOf(app.deadLetters.replay(handle.id))).toBe(handle === handles[0] ? 'none' : 'unknown_job');
    });

    it('is listed in pages, and grouped by what went wrong', async () => {
      const stage = newStage();
      const { app, queue, name } = stage;
      const odd = app.task(name('odd'), {
        queue,
        run: (n: number) => {
          if (n % 2 === 0) throw new RangeError(`item ${n} of "${'x'.repeat(n)}" is even`);
          throw new Declined(`item ${n} is odd`);
        },
      });
      await stage.work();
      for (const handle of await odd.enqueueMany([1, 2, 3, 4, 5])) await handle.result().catch(() => undefined);
      const pages = [];
      for (let before: string | undefined; ;) {
        const page = await app.deadLetters.list({ queue, limit: 2, ...(before === undefined ? {} : { before }) });
        pages.push(page.letters.map(({ input }) => input as number));
        before = page.next;
        if (before === undefined) break;
      }
      expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
      expect(new Set(pages.flat())).toEqual(new Set([1, 2, 3, 4, 5]));
      const groups = (await app.deadLetters.groups()).filter(({ task }) => task === odd.name);
      expect(groups.map(({ count, error }) => `${error.name} ${error.code} ${count}`).toSorted()).toEqual([
        'Error E_DECLINED 3',
        'RangeError undefined 2',
      ]);
      const even = groups.find(({ count }) => count === 2);
      const { letters } = await app.deadLetters.list({ fingerprint: even?.fingerprint ?? '' });
      expect(new Set(letters.map(({ input }) => input))).toEqual(new Set([2, 4]));
      expect(even?.sample).toBe(letters[0]?.id);
      expect(await codeOf(app.deadLetters.list({ before: 'nonsense' }))).toBe('invalid_options');
      expect(await codeOf(app.deadLetters.get('nonsense'))).toBe('unknown_job');
    });

    it('stays when the job says of itself that it is to be removed, and may be of a plain BullMQ job', async () => {
      const stage = newStage();
      const { task, state } = fragile(stage);
      await stage.work();
      await stage.app.queue(stage.queue).add(task.name, { order: 'plain', amount: 1 }, { removeOnFail: true });
      const [letter] = await lettersOf(stage, 1);
      expect(letter).toMatchObject({ input: { order: 'plain', amount: 1 }, error: { message: 'order plain declined' }, worker: undefined });
      state.repaired = true;
      const handle = await stage.app.deadLetters.replay(letter?.id ?? '');
      expect(await handle.result()).toBe(1);
    });
  });

  describe('a replay', () => {
    it('is one new job, however often it is asked for, with all attempts, and the letter is gone', async () => {
      const stage = newStage();
      const { app } = stage;
      const { task, state } = fragile(stage);
      await stage.work();
      const { id } = await task.enqueue({ order: '17', amount: 5 }, { headers: { trace: 't1' } });
      await lettersOf(stage, 1);
      const [first, second] = await Promise.all([app.deadLetters.replay(id), app.deadLetters.replay(id)]);
      expect(second.id).toBe(first.id);
      const [again] = await until('it is dead again', async () => {
        const { letters } = await app.deadLetters.list({ queue: stage.queue });
        return letters.length === 1 && letters[0]?.id === first.id ? letters : undefined;
      });
      expect(again).toMatchObject({ attempts: 2, origin: { id, first: id }, headers: { trace: 't1' } });
      expect(state.ran).toEqual([1, 2, 1, 2].map((attempt) => ['17', attempt]));
      state.repaired = true;
      const third = await app.deadLetters.replay(first.id);
      expect(await third.result()).toBe(5);
      expect((await app.queue(stage.queue).getJob(third.id.split('@')[0] ?? ''))?.data).toMatchObject({ o: { id: first.id, first: id } });
      expect((await app.deadLetters.list({ queue: stage.queue })).letters).toEqual([]);
      expect((await app.deadLetters.replay(first.id)).id).toBe(third.id);
      expect(await codeOf(app.deadLetters.replay(`unknown@${stage.queue}`))).toBe('unknown_job');
    });

    it('may have another input, which is checked, and a delay', async () => {
      const stage = newStage();
      const { app } = stage;
      const { task, state } = fragile(stage);
      await stage.work();
      const { id } = await task.enqueue({ order: '17', amount: 5 });
      await lettersOf(stage, 1);
      expect(await codeOf(app.deadLetters.replay(id, { input: { order: '17', amount: -1 } }))).toBe('invalid_input');
      expect(await codeOf(app.deadLetters.replay(id, { input: { order: '17', amount: 1, at: new Date() } }))).toBe('serialization');
      expect(await codeOf(app.deadLetters.replay(id, { inputs: 1 } as object))).toBe('invalid_options');
      state.repaired = true;
      const handle = await app.deadLetters.replay(id, { input: { order: '17', amount: 7 }, delay: 50 });
      expect(await handle.result()).toBe(7);
    });

    it('goes through many at a rate, stops, and goes on', async () => {
      const stage = newStage();
      const { app, queue } = stage;
      const { task, state } = fragile(stage, { retry: { attempts: 1 } });
      await stage.work();
      await task.enqueueMany(Array.from({ length: 8 }, (_, n) => ({ order: `${n}`, amount: 1 })));
      await lettersOf(stage, 8);
      state.repaired = true;
      const began = performance.now();
      expect(await app.deadLetters.replayMany({ queue, rate: { limit: 100, per: '1s' }, max: 3 })).toEqual({ replayed: 3, skipped: 0 });
      expect(performance.now() - began).toBeGreaterThan(18);
      const stop = new AbortController();
      const stopped = app.deadLetters.replayMany({ queue, rate: '1/h', signal: stop.signal });
      await until('one more is replayed', async () => (await app.deadLetters.list({ queue })).letters.length === 4);
      stop.abort();
      expect(await stopped).toEqual({ replayed: 1, skipped: 0 });
      expect(await app.deadLetters.replayMany({ task: task.name, rate: '1000/s' })).toEqual({ replayed: 4, skipped: 0 });
      expect(await codeOf(app.deadLetters.replayMany({ rate: 'fast' as '1/s' }))).toBe('invalid_options');
      await until('all have run', () => state.ran.length === 16);
      expect((await app.deadLetters.list({ queue })).letters).toEqual([]);
    });
  });

  describe('a run that is tried again', () => {
    it('leaves no letter of what is tried again, and those of what is not', async () => {
      const stage = newStage();
      const { app, queue, name } = stage;
      let broken = true;
      const breaks = (text: string): string => {
        if (broken) throw new Declined(text);
        return text;
      };
      const weak = app.task(name('weak'), { queue, run: breaks });
      const settled = app.task(name('settled'), { queue, run: breaks });
      const strong = app.task(name('strong'), { queue, run: (input: unknown) => input });
      const replaces = app.task(name('replaces'), {
        queue,
        run: (_: undefined, ctx): string => ctx.replace(group(weak.si('replaced'), strong.si(0))) as never,
      });
      await stage.work();
      const first = group(settled.si('done without'), strong.si(0)).settle();
      const run = await chain(first, group(weak.si('member'), replaces.si(undefined), strong.si(0)), strong.s()).enqueue();
      const other = await weak.enqueue('other');
      await run.result().catch(() => undefined);
      await lettersOf(stage, 4);
      broken = false;
      await (await run.retryFailed()).result();
      const letters = await lettersOf(stage, 2);
      expect(new Set(letters.map(({ input }) => input))).toEqual(new Set(['done without', 'other']));
      expect(letters.map(({ id }) => id)).toContain(other.id);
    });

    it('of one job leaves no letter of it', async () => {
      const stage = newStage();
      const { app } = stage;
      let broken = true;
      const task = app.task(stage.name('last'), {
        queue: stage.queue,
        run: () => {
          if (broken) throw new Declined('last');
        },
      });
      await stage.work();
      const run = await chain(task.si(undefined), task.si(undefined)).enqueue();
      await lettersOf(stage, 1);
      await run.result().catch(() => undefined);
      broken = false;
      await (await run.retryFailed()).result();
      expect((await app.deadLetters.list({ queue: stage.queue })).letters).toEqual([]);
    });
  });

  describe('what is purged', () => {
    it('is what was selected, with the jobs', async () => {
      const stage = newStage();
      const { app, queue } = stage;
      const { task } = fragile(stage, { retry: { attempts: 1 } });
      await stage.work();
      await task.enqueueMany(['1', '2', '3'].map((order) => ({ order, amount: 1 })));
      const letters = await lettersOf(stage, 3);
      expect(await codeOf(app.deadLetters.purge({}))).toBe('invalid_options');
      expect(await app.deadLetters.purge({ queue, older: '1h' })).toBe(0);
      expect(await app.deadLetters.purge({ ids: [letters[1]?.id ?? ''] })).toBe(1);
      expect((await lettersOf(stage, 2)).map(({ id }) => id)).toEqual([letters[0]?.id, letters[2]?.id]);
      expect(await app.deadLetters.purge({ task: task.name, fingerprint: letters[0]?.fingerprint ?? '' })).toBe(2);
      expect(await app.queue(queue).getFailed()).toEqual([]);
    });

    it('by hand, or has succeeded after all, is no letter any more', async () => {
      const stage = newStage();
      const { app, queue } = stage;
      const { task, state } = fragile(stage, { retry: { attempts: 1 } });
      await stage.work();
      await task.enqueueMany(['1', '2'].map((order) => ({ order, amount: 1 })));
      const [first, second] = await lettersOf(stage, 2);
      const jobOf = async (letter: DeadLetter | undefined) => app.queue(queue).getJob(letter?.id.split('@')[0] ?? '');
      await (await jobOf(first))?.remove();
      state.repaired = true;
      await (await jobOf(second))?.retry();
      await app.handle(second?.id ?? '').result();
      expect((await app.deadLetters.list({ queue })).letters).toEqual([]);
      expect((await app.deadLetters.groups()).filter((one) => one.task === task.name)).toEqual([]);
    });
  });

  // On embedded an app of its own takes seconds to open.
  if (engine.kind === 'embedded') return;
  it('none are kept with deadLetters: false', async () => {
    const app = withApp(engine, { deadLetters: false, retention: { failed: { count: 10 } } });
    const task = app.task('fails', { run: () => Promise.reject(new Error('no')) });
    const worker = app.worker();
    await worker.start();
    const handle = await task.enqueue();
    await handle.result().catch(() => undefined);
    expect(await app.deadLetters.list()).toEqual({ letters: [], next: undefined });
    expect((await handle.status()).status).toBe('failed');
    await worker.drain();
  });
}
