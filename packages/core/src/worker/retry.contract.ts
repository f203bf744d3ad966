import { UnrecoverableError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { NonRetryableError } from '../errors.ts';
import { RetryAfterError } from '../task/retry.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages } from '../testing/with-app.ts';

class Declined extends Error {
  override readonly name = 'Declined';
  readonly code = 'E_DECLINED';
}

const AT_ONCE = { backoff: () => 0 } as const;

/** Which failures are retried, how often and when, on every engine. */
export function retryContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('retry', () => {
    it('runs again until an attempt succeeds', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('flaky'), {
        queue,
        retry: { attempts: 5, ...AT_ONCE },
        run: (_: undefined, ctx) => {
          if (ctx.attempt < 3) throw new Error(`attempt ${ctx.attempt}`);
          return ctx.attempt;
        },
      });
      const retrying = recordSignals(app, 'task:retrying');
      await work();
      const handle = await task.enqueue();
      expect(await handle.result()).toBe(3);
      expect(await handle.status()).toMatchObject({ status: 'succeeded', attempt: 3, attempts: 5, error: undefined });
      expect(retrying.map(({ attempt, error, delayMs }) => [attempt, error.message, delayMs])).toEqual([
        [1, 'attempt 1', 0],
        [2, 'attempt 2', 0],
      ]);
    });

    it('fails with the last error when no attempt is left', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('fails'), {
        queue,
        retry: { attempts: 3, ...AT_ONCE },
        run: (_: undefined, ctx) => Promise.reject(new Error(`attempt ${ctx.attempt}`)),
      });
      const failed = recordSignals(app, 'task:failed');
      await work();
      const handle = await task.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ cause: { message: 'attempt 3' } });
      expect(await handle.status()).toMatchObject({ status: 'failed', attempt: 3 });
      await until('the signal', () => failed.length > 0);
      expect(failed).toMatchObject([{ id: handle.id, attempt: 3 }]);
    });

    it('does not retry a task that has no retry', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('once'), { queue, run: (_: undefined, ctx) => Promise.reject(new Error(`attempt ${ctx.attempt}`)) });
      await work();
      await expect((await task.enqueue()).result()).rejects.toMatchObject({ cause: { message: 'attempt 1' } });
    });

    it('gives a custom backoff the attempt and its error, and waits what it says', async () => {
      const { app, queue, name, work } = stage();
      const asked: unknown[] = [];
      const task = app.task(name('custom'), {
        queue,
        retry: {
          attempts: 3,
          backoff: (attempt, error) => {
            asked.push([attempt, error.message]);
            return attempt * 10;
          },
        },
        run: (_: undefined, ctx) => Promise.reject(new Error(`e${ctx.attempt}`)),
      });
      const retrying = recordSignals(app, 'task:retrying');
      await work();
      await expect((await task.enqueue()).result()).rejects.toBeDefined();
      expect(asked).toEqual([
        [1, 'e1'],
        [2, 'e2'],
      ]);
      expect(retrying.map(({ delayMs }) => delayMs)).toEqual([10, 20]);
    });

    it('doubles the delay up to its maximum', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('exponential'), {
        queue,
        retry: { attempts: 5, backoff: { delay: 5, max: 15, jitter: 'none' } },
        run: () => Promise.reject(new Error('no')),
      });
      const retrying = recordSignals(app, 'task:retrying');
      await work();
      await expect((await task.enqueue()).result()).rejects.toBeDefined();
      expect(retrying.map(({ delayMs }) => delayMs)).toEqual([5, 10, 15, 15]);
    });

    it('shows a job that waits for its next attempt as retrying', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('later'), {
        queue,
        retry: { attempts: 2, backoff: () => '1h' },
        run: () => Promise.reject(new Error('no')),
      });
      await work();
      const handle = await task.enqueue();
      await until('it is retrying', async () => (await handle.status()).status === 'retrying');
      expect(await handle.status()).toMatchObject({ attempt: 1, attempts: 2, error: undefined, finishedAt: undefined });
    });

    it.each([
      ['a matching class', new Declined('no'), 3],
      ['another class', new TypeError('no'), 1],
      ['an error with a matching code', Object.assign(new Error('no'), { code: 'E_AGAIN' }), 3],
      ['an error with a matching name', Object.assign(new Error('no'), { name: 'Busy' }), 3],
    ])('retries only what `on` names: %s', async (_, error, attempts) => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('on'), {
        queue,
        retry: { attempts: 3, ...AT_ONCE, on: [Declined, 'E_AGAIN', 'Busy'] },
        run: () => Promise.reject(error),
      });
      await work();
      const handle = await task.enqueue();
      await expect(handle.result()).rejects.toBeDefined();
      expect((await handle.status()).attempt).toBe(attempts);
    });

    it.each([
      ['a class in `never`', new Declined('no')],
      ['NonRetryableError', new NonRetryableError('no')],
      ['UnrecoverableError of BullMQ', new UnrecoverableError('no')],
      ['a code in `never`', Object.assign(new Error('no'), { code: 'E_NEVER' })],
    ])('never retries %s', async (_, error) => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('never'), {
        queue,
        retry: { attempts: 3, ...AT_ONCE, on: [Error], never: [Declined, 'E_NEVER'] },
        run: () => Promise.reject(error),
      });
      await work();
      const handle = await task.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: error.name, message: 'no' } });
      expect(await handle.status()).toMatchObject({ status: 'failed', attempt: 1 });
    });

    it('never retries input that the worker refuses', async () => {
      const { app, queue, name, work } = stage();
      let strict = false;
      const schema = z.number().refine(() => !strict, 'refused by the worker');
      const task = app.task(name('strict'), { queue, input: schema, retry: { attempts: 3, ...AT_ONCE }, run: () => null });
      const handle = await task.enqueue(1);
      strict = true;
      await work();
      await expect(handle.result()).rejects.toMatchObject({
        cause: { name: 'InvalidInputError', code: 'invalid_input', message: expect.stringContaining('refused by the worker') as string },
      });
      expect(await handle.status()).toMatchObject({ attempt: 1 });
    });

    it('waits as long as a RetryAfterError says', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('after'), {
        queue,
        retry: { attempts: 2, backoff: () => '1h' },
        run: (_: undefined, ctx) => {
          if (ctx.attempt === 1) throw new RetryAfterError(30);
          return ctx.attempt;
        },
      });
      const retrying = recordSignals(app, 'task:retrying');
      await work();
      expect(await (await task.enqueue()).result()).toBe(2);
      expect(retrying[0]?.delayMs).toBeLessThanOrEqual(30);
    });

    it('retries on ctx.retry with its delay, and fails with its reason when no attempt is left', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('asks'), {
        queue,
        retry: { attempts: 3, on: [], backoff: () => '1h' },
        run: (_: undefined, ctx) => ctx.retry({ delay: 1, reason: 'not yet' }),
      });
      const retrying = recordSignals(app, 'task:retrying');
      await work();
      const handle = await task.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ cause: { message: 'not yet', code: 'retry_after' } });
      expect(await handle.status()).toMatchObject({ attempt: 3 });
      expect(retrying.map(({ delayMs }) => delayMs)).toEqual([1, 1]);
    });

    it('lets a job keep the attempts it was enqueued with', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('own'), {
        queue,
        retry: { attempts: 2, ...AT_ONCE },
        run: (_: undefined, ctx) => Promise.reject(new Error(`attempt ${ctx.attempt}`)),
      });
      await work();
      const handle = await task.enqueue(undefined, { attempts: 4 });
      await expect(handle.result()).rejects.toMatchObject({ cause: { message: 'attempt 4' } });
      const short = await task.enqueue(undefined, { attempts: 1 });
      await expect(short.result()).rejects.toMatchObject({ cause: { message: 'attempt 1' } });
    });

    it('keeps the worker running when a backoff function throws', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('broken'), {
        queue,
        retry: {
          attempts: 3,
          backoff: () => {
            throw new Error('backoff is broken');
          },
        },
        run: (_: undefined, ctx) => Promise.reject(new Error(`attempt ${ctx.attempt}`)),
      });
      const fine = app.task(name('fine'), { queue, run: () => 'fine' });
      await work();
      const handle = await task.enqueue();
      expect(await (await fine.enqueue()).result()).toBe('fine');
      const end = await handle.result({ timeout: '5s' }).catch((error: unknown) => error);
      expect(end).toMatchObject({ code: 'task_failed' });
    });
  });
}
