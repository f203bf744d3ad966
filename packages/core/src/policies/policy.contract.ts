import { describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { z } from 'zod';
import type { TestEngine } from '../testing/engines.ts';
import { recordSignals, startWorker, withApp } from '../testing/with-app.ts';
import type { EnqueueCall, Enqueued, Policy } from './policy.ts';

/** Policies of the user's own, on every engine. */
export function policyContract(engine: TestEngine): void {
  describe('policies', () => {
    it('wrap enqueue and run in their order, inside the steps of Oxbow', async () => {
      const app = withApp(engine);
      const story: string[] = [];
      const tell = (name: string): Policy => ({
        name,
        enqueue: async (call, next) => {
          story.push(`${name} enqueues ${call.task}`);
          await next(call);
          story.push(`${name} has enqueued`);
        },
        run: async (attempt, next) => {
          story.push(`${name} runs ${attempt.task} ${attempt.attempt}`);
          const outcome = await next();
          story.push(`${name} saw ${outcome.kind}`);
          return outcome;
        },
      });
      app.use(tell('outer')).use(tell('inner'));
      const task = app.task('task', { run: () => void story.push('handler') });
      expect(app.worker().describe().pipeline.slice(-6)).toEqual(['outer', 'inner', 'isolation', 'time-limits', 'heartbeat', 'run']);
      const handle = await task.enqueue();
      await startWorker(app, {});
      await handle.result();
      expect(story).toEqual([
        'outer enqueues task',
        'inner enqueues task',
        'inner has enqueued',
        'outer has enqueued',
        'outer runs task 1',
        'inner runs task 1',
        'handler',
        'inner saw succeeded',
        'outer saw succeeded',
      ]);
    });

    it('can change input and headers, which are checked and sent as changed', async () => {
      const app = withApp(engine);
      app.use({
        name: 'tenant',
        enqueue: (call, next) =>
          next({ ...call, input: { n: (call.input as { n: number }).n + 1 }, headers: { ...call.headers, tenant: 't1' } }),
      });
      app.use({ name: 'bad', enqueue: (call, next) => next((call.input as { n: number }).n > 100 ? { ...call, input: { n: 1n } } : call) });
      const task = app.task('task', { input: z.object({ n: z.number() }), run: ({ n }, ctx) => ({ n, ...ctx.headers }) });
      await startWorker(app, {});
      expect(await (await task.enqueue({ n: 1 }, { headers: { own: 'h' }, expires: '1h' })).result()).toEqual({
        n: 2,
        own: 'h',
        tenant: 't1',
      });
      const keyed = app.task('keyed', { idempotency: { key: ({ n }) => `${n}` }, run: ({ n }: { n: number }) => n });
      const handles = [await keyed.enqueue({ n: 1 }), await keyed.enqueue({ n: 1 })];
      expect(handles.map(({ created }) => created)).toEqual([true, false]);
      expect(await handles[1]?.result()).toBe(2);
      await expect(task.enqueue({ n: 100 })).rejects.toMatchObject({ code: 'serialization', path: 'input.n' });
    });

    it('are told which job an enqueue is, which belong together and what they come to; what they bind is logged', async () => {
      const lines: Record<string, unknown>[] = [];
      const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
      const app = withApp(engine, { logger });
      const told: [EnqueueCall, Enqueued][] = [];
      app.use({
        name: 'tell',
        enqueue: async (call, next) => void told.push([call, await next(call)]),
        run: (attempt, next) => {
          attempt.bindLog({ tenant: 't1' });
          return next();
        },
      });
      const task = app.task('task', { idempotency: { key: (n: number) => `${n}` }, run: (n: number, ctx) => (ctx.log.info('runs'), n) });
      await startWorker(app, {});
      const first = await task.enqueue(1);
      await first.result();
      await task.enqueue(1);
      const two = await task.enqueueMany([2, 3]);
      const ends = told.map(([, end]) => end);
      expect(ends.slice(0, 2)).toEqual([
        { id: first.id, created: true, replayed: false },
        { id: first.id, created: false, replayed: true },
      ]);
      // Those that are sent together end in any order.
      expect(new Set(ends.slice(2))).toEqual(new Set(two.map(({ id }) => ({ id, created: true, replayed: false }))));
      const [alone, , one, other] = told.map(([call]) => call);
      expect([alone?.id, alone?.batch]).toEqual([first.id, undefined]);
      expect(one?.batch).toEqual({ size: 2, queues: ['default'], tasks: ['task'] });
      expect(other?.batch).toBe(one?.batch);
      expect(lines.find(({ msg }) => msg === 'runs')).toMatchObject({ tenant: 't1', task: 'task', job: first.id });
    });

    it('can end an attempt with an outcome of their own, and the handler does not run', async () => {
      const app = withApp(engine);
      app.use({
        name: 'judge',
        run: async (attempt, next) => {
          switch (attempt.input) {
            case 'succeeded':
              return { kind: 'succeeded', value: 'by policy' };
            case 'failed':
              return { kind: 'failed', error: new Error('by policy') };
            case 'cancelled':
              return { kind: 'cancelled', error: Object.assign(new Error('by policy'), { code: 'cancelled' }) };
            case 'put-back':
              return ++seen === 1 ? { kind: 'put-back', delayMs: 1, reason: 'busy' } : { kind: 'succeeded', value: attempt.attempt };
            case 'throws':
              throw new Error('policy broke');
            default:
              return next();
          }
        },
      });
      let seen = 0;
      let ran = 0;
      const task = app.task('task', { run: (_input: string) => ++ran });
      const putBack = recordSignals(app, 'task:put-back');
      await startWorker(app, {});
      const ends = await Promise.allSettled(
        ['succeeded', 'failed', 'cancelled', 'put-back', 'throws', 'other'].map(async (what) => (await task.enqueue(what)).result()),
      );
      expect(ends).toMatchObject([
        { value: 'by policy' },
        { reason: { code: 'task_failed', cause: { message: 'by policy' } } },
        { reason: { code: 'cancelled' } },
        { value: 1 },
        { reason: { code: 'task_failed', cause: { message: 'policy broke' } } },
        { value: 1 },
      ]);
      expect(putBack).toMatchObject([{ reason: 'busy', delayMs: 1 }]);
      expect(ran).toBe(1);
    });

    it('own task options, read by their schemas; what nobody owns is refused with a suggestion', async () => {
      const plain = withApp(engine);
      const app = plain.use<{ tenant: string; weight: number }>({
        name: 'tenancy',
        options: { tenant: z.string().transform((text) => text.toUpperCase()) as never, weight: z.number() },
        run: async (attempt) => ({ kind: 'succeeded', value: attempt.options }),
        enqueue: (call, next) => next({ ...call, headers: { seen: JSON.stringify(call.options) } }),
      });
      const task = app.task('task', { tenant: 'acme', run: () => null });
      await startWorker(app, {});
      expect(await (await task.enqueue()).result()).toEqual({ tenant: 'ACME' });
      expect(() => app.task('typo', { tenent: 'acme', run: () => null } as never)).toThrow(/"tenent".*did you mean "tenant"/iu);
      expect(() => app.task('wrong', { tenant: 5 as never, run: () => null })).toThrow(/wrong/u);
      expect(() => plain.use({ name: 'late' })).toThrow(/before the first task/u);
      const preset = app.preset({ weight: 3 });
      const heavy = preset.task('heavy', { run: () => null } as never);
      expect(await (await heavy.enqueue()).result()).toEqual({ weight: 3 });
    });

    it('are refused when two have one name', () => {
      const app = withApp(engine).use({ name: 'one' });
      expect(() => app.use({ name: 'one' })).toThrow(/"one" already/u);
      expect(() => app.use({ name: 'a b' })).toThrow(/policy name/u);
    });

    it('fail the call when they call next twice, and the handler runs once', async () => {
      const app = withApp(engine);
      let ran = 0;
      const twice = async <T>(next: () => Promise<T>): Promise<T> => {
        await next();
        return next();
      };
      app.use({
        name: 'eager',
        run: (attempt, next) => (attempt.task === 'run-twice' ? twice(next) : next()),
        enqueue: (call, next) => (call.task === 'enqueue-twice' ? twice(() => next(call)) : next(call)),
      });
      const runTwice = app.task('run-twice', { run: () => void ran++ });
      const enqueueTwice = app.task('enqueue-twice', { run: () => null });
      await startWorker(app, {});
      await expect((await runTwice.enqueue()).result()).rejects.toMatchObject({
        cause: { message: expect.stringContaining('"eager" called next() twice') as string },
      });
      expect(ran).toBe(1);
      await expect(enqueueTwice.enqueue()).rejects.toThrow(/"eager" called next\(\) twice/u);
    });

    it('can refuse an enqueue, and nothing reaches the queue', async () => {
      const app = withApp(engine);
      app.use({ name: 'guard', enqueue: () => Promise.reject(new Error('not allowed')) });
      const enqueued = recordSignals(app, 'task:enqueued');
      const task = app.task('task', { run: () => null });
      await expect(task.enqueue()).rejects.toThrow('not allowed');
      await expect(task.enqueueMany([undefined])).rejects.toThrow('not allowed');
      expect(await app.queue('default').count()).toBe(0);
      expect(enqueued).toEqual([]);
    });
  });
}
