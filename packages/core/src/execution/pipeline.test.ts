import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ActiveJob, Engine } from '../engine/engine.ts';
import { CancelledError, LockLostError, NonRetryableError, OxbowError, ShutdownError, SoftTimeLimitError } from '../errors.ts';
import { Cancellations } from '../policies/cancellation.ts';
import { LastChance } from '../policies/crash-limit.ts';
import type { Outcome } from '../policies/outcome.ts';
import type { Policy } from '../policies/policy.ts';
import { SignalBus } from '../signals.ts';
import { StoredResults } from '../results/stored-results.ts';
import type { Stores } from '../store/stores.ts';
import { defineTask } from '../task-options.ts';
import { DEFAULT_LIMITS } from '../task/payload.ts';
import { RetryAfterError } from '../task/retry.ts';
import { Attempt } from './attempt.ts';
import type { CanvasRuntime } from './canvas-runtime.ts';
import type { TaskContext } from './context.ts';
import { toFailureRecord } from './failure.ts';
import { composePipeline, describePipeline } from './pipeline.ts';
import { assertOutsideTask } from './running.ts';

const RETRY = { retry: { attempts: 3, backoff: { type: 'fixed', delay: 100, jitter: 'none' } } } as const;

/** A job as a lane would have it. */
function makeJob(fields: Partial<ActiveJob> = {}): ActiveJob & { readonly shown: object[] } {
  const shown: object[] = [];
  return {
    id: 'j1',
    name: 'charge',
    queue: 'default',
    data: { $ox: 1, in: { amount: 5 } },
    attempts: 0,
    attemptsMade: 0,
    attemptsStarted: 1,
    stalledCounter: 0,
    timestamp: 1,
    delayMs: 0,
    processedOn: 2,
    waitMs: 1,
    progress: 0,
    parent: undefined,
    hasOwnBackoff: false,
    updateData: () => Promise.resolve(true),
    updateProgress: (progress) => {
      shown.push(progress);
      return Promise.resolve();
    },
    shown,
    ...fields,
  };
}

/** These jobs are of no run: nothing of it is touched but what says so. */
const NO_RUNS = {
  cancellations: new Cancellations(),
  engine: { transactions: undefined } as Engine,
  results: new StoredResults('shop', undefined, new SignalBus(pino({ level: 'silent' }))),
} as CanvasRuntime;

interface Case {
  readonly job?: Partial<ActiveJob>;
  readonly task?: object;
  readonly policies?: readonly Policy[];
  readonly known?: boolean;
}

function makeAttempt(
  run: (input: never, ctx: TaskContext) => unknown,
  { job, task = {}, policies = [], known = true }: Case = {},
): Attempt {
  const definition = defineTask('charge', { run, ...task }, {}, policies);
  return new Attempt(makeJob(job), {
    app: 'shop',
    log: pino({ level: 'silent' }),
    deps: 'deps',
    signals: new SignalBus(pino({ level: 'silent' })),
    limits: DEFAULT_LIMITS,
    maxResultBytes: 1000,
    maxCrashes: 3,
    lastChance: new LastChance(),
    unknownTaskGraceMs: 600_000,
    task: () => (known ? definition : undefined),
    canvas: NO_RUNS,
    stores: NO_STORES,
    children: undefined,
    deadLetters: undefined,
  });
}

function outcome(run: (input: never, ctx: TaskContext) => unknown, fields: Case = {}): Promise<Outcome> {
  return composePipeline(fields.policies ?? [])(makeAttempt(run, fields));
}

/** Nor is anything of theirs stored. */
const NO_STORES = { blockedJobs: { times: () => Promise.resolve(0) } } as unknown as Stores;

/** Throws when it is run: for steps that must not let it. */
const mustNotRun = (): never => {
  throw new NonRetryableError('the handler ran');
};

describe('the pipeline', () => {
  it('is a visible list, policies innermost in the order of use, those without run left out', () => {
    const policies: Policy[] = [
      { name: 'one', run: (_, next) => next() },
      { name: 'observer', enqueue: (call, next) => next(call) },
      { name: 'two', run: (_, next) => next() },
    ];
    expect(describePipeline(policies)).toEqual([
      'envelope',
      'crash-limit',
      'task',
      'recorded-failure',
      'cancelled',
      'expiry',
      'context',
      'engine-away',
      'internal',
      'continuation',
      'record',
      'result',
      'replacement',
      'canvas-input',
      'parse',
      'unique',
      'debounce',
      'idempotency',
      'delivery',
      'concurrency',
      'rateLimit',
      'lock',
      'one',
      'two',
      'isolation',
      'time-limits',
      'heartbeat',
      'run',
    ]);
  });

  it('gives the handler its input and its context, and keeps what it returns', async () => {
    const seen: unknown[] = [];
    const result = await outcome(
      (input, ctx) => {
        seen.push(input, ctx.id, ctx.name, ctx.queue, ctx.attempt, ctx.headers, ctx.deps, ctx.signal.aborted);
        return { receipt: 'r' };
      },
      { job: { attemptsMade: 1, data: { $ox: 1, in: { amount: 5 }, h: { trace: 'x' } } } },
    );
    expect(seen).toEqual([{ amount: 5 }, 'j1@default', 'charge', 'default', 2, { trace: 'x' }, 'deps', false]);
    expect(result).toEqual({ kind: 'succeeded', value: { receipt: 'r' } });
  });

  it('takes the data of a plain BullMQ job as its input', async () => {
    expect(await outcome((input) => input, { job: { data: { amount: 1 } } })).toEqual({ kind: 'succeeded', value: { amount: 1 } });
  });

  it('gives undefined to the handler of a job without input', async () => {
    expect(await outcome((input) => String(input), { job: { data: { $ox: 1 } } })).toEqual({ kind: 'succeeded', value: 'undefined' });
  });
});

describe('steps that end an attempt before the handler', () => {
  it.each<[string, Case, object]>([
    ['crash-limit', { job: { stalledCounter: 3 } }, { kind: 'failed', error: { code: 'too_many_crashes' } }],
    [
      'crash-limit before the task is looked for',
      { job: { stalledCounter: 3, name: 'nobody' } },
      { kind: 'failed', error: { code: 'too_many_crashes' } },
    ],
    ['envelope: malformed', { job: { data: { $ox: '1' } } }, { kind: 'failed', error: { code: 'malformed' } }],
    ['envelope: newer', { job: { data: { $ox: 2 } } }, { kind: 'put-back', delayMs: 1000, reason: 'newer_envelope' }],
    ['envelope: newer, for the fourth time', { job: { data: { $ox: 2 }, attemptsStarted: 4 } }, { kind: 'put-back', delayMs: 8000 }],
    [
      'envelope: newer, after the grace',
      { job: { data: { $ox: 2 }, attemptsStarted: 100 } },
      { kind: 'failed', error: { code: 'newer_envelope' } },
    ],
    [
      'envelope: forbidden key',
      { job: { data: JSON.parse('{"a":{"__proto__":{"x":1}}}') } },
      { kind: 'failed', error: { code: 'malformed', message: expect.stringContaining('a.__proto__') } },
    ],
    ['task: unknown', { known: false }, { kind: 'put-back', delayMs: 1000, reason: 'unknown_task' }],
    ['task: a contract without a handler here', { task: { run: undefined } }, { kind: 'put-back', reason: 'unknown_task' }],
    [
      'task: unknown, attempts and crashes do not count as waiting',
      { known: false, job: { attemptsStarted: 6, attemptsMade: 3, stalledCounter: 2 } },
      { kind: 'put-back', delayMs: 1000 },
    ],
    [
      'task: unknown, after the grace',
      { known: false, job: { attemptsStarted: 100 } },
      { kind: 'failed', error: { code: 'unknown_task' } },
    ],
    ['expiry', { job: { data: { $ox: 1, in: 1, x: 1000 } } }, { kind: 'expired', error: { code: 'expired' } }],
    [
      'parse',
      { task: { input: z.object({ amount: z.number().max(4) }), ...RETRY } },
      { kind: 'failed', error: { code: 'invalid_input', message: expect.stringContaining('amount') } },
    ],
  ])('%s', async (_, fields, expected) => {
    expect(await outcome(mustNotRun, fields)).toMatchObject(expected);
  });

  it.each([
    ['failed', undefined],
    ['cancelled', 'cancelled'],
    ['expired', 'expired'],
  ])('recorded-failure: a redelivery ends as %s again', async (kind, end) => {
    const error = toFailureRecord(Object.assign(new Error('first'), { code: 'cancelled' }));
    const data = { $ox: 1, in: 1, f: { error, end, attemptsMade: 1, stalledCounter: 0 } };
    expect(await outcome(mustNotRun, { job: { data, attemptsMade: 1, stalledCounter: 1 } })).toMatchObject({
      kind,
      error: { message: 'first', code: 'cancelled' },
    });
  });

  it('not recorded-failure when the job was retried by hand', async () => {
    const data = { $ox: 1, in: 1, f: { error: toFailureRecord(new Error('first')), attemptsMade: 1, stalledCounter: 0 } };
    expect(await outcome(() => 'again', { job: { data, attemptsMade: 2, stalledCounter: 0 } })).toEqual({
      kind: 'succeeded',
      value: 'again',
    });
    expect(await outcome(() => 'again', { job: { data, attemptsMade: 1, stalledCounter: 0 } })).toEqual({
      kind: 'succeeded',
      value: 'again',
    });
  });
});

describe('input and output schemas', () => {
  it('hand on their output forms', async () => {
    const task = { input: z.object({ amount: z.coerce.string() }), output: z.object({ n: z.string().transform(Number) }) };
    expect(await outcome((input: { amount: string }) => ({ n: input.amount }), { task } as Case)).toEqual({
      kind: 'succeeded',
      value: { n: 5 },
    });
  });

  it('may be asynchronous', async () => {
    const slow = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => Promise.resolve({ value: { read: value } }) } };
    expect(await outcome((input) => input, { task: { input: slow, output: slow } })).toEqual({
      kind: 'succeeded',
      value: { read: { read: { amount: 5 } } },
    });
  });

  it('refuse for good what the handler returns against them', async () => {
    expect(await outcome(() => 5, { task: { output: z.string(), ...RETRY } })).toMatchObject({
      kind: 'failed',
      error: { code: 'invalid_output' },
    });
  });
});

describe('results', () => {
  it.each([undefined, null])('may be %s', async (value) => {
    expect(await outcome(() => value)).toEqual({ kind: 'succeeded', value });
  });

  it('that JSON would change fail for good, with the path', async () => {
    expect(await outcome(() => ({ at: [new Date(0)] }), { task: RETRY })).toMatchObject({
      kind: 'failed',
      error: { code: 'serialization', path: 'result.at.0' },
    });
  });

  it('over maxResultBytes fail for good, never cut', async () => {
    expect(await outcome(() => 'x'.repeat(998))).toMatchObject({ kind: 'succeeded' });
    expect(await outcome(() => 'x'.repeat(999), { task: RETRY })).toMatchObject({
      kind: 'failed',
      error: { code: 'result_too_large', message: expect.stringContaining('1001 bytes; the limit is 1000') },
    });
    expect(await outcome(() => '€'.repeat(400))).toMatchObject({ kind: 'failed', error: { code: 'result_too_large' } });
  });
});

describe('errors of the handler', () => {
  const boom = new Error('boom');
  const fail = (error: unknown) => (): never => {
    throw error;
  };

  it.each<[string, unknown, Case, object]>([
    ['fail the job when there is no retry', boom, {}, { kind: 'failed', error: boom }],
    ['retry while attempts are left', boom, { task: RETRY }, { kind: 'retry', error: boom, delayMs: 100 }],
    ['fail the job on the last attempt', boom, { task: RETRY, job: { attemptsMade: 2 } }, { kind: 'failed', error: boom }],
    ['retry as often as the job says, before the task', boom, { task: RETRY, job: { attempts: 5, attemptsMade: 3 } }, { kind: 'retry' }],
    ['fail a job that says 1, whatever the task says', boom, { task: RETRY, job: { attempts: 1 } }, { kind: 'failed' }],
    [
      'leave the backoff to a plain BullMQ job that has its own',
      boom,
      { job: { attempts: 3, hasOwnBackoff: true } },
      { kind: 'retry', delayMs: undefined },
    ],
    [
      'retry a plain BullMQ job without backoff at once or by the default',
      boom,
      { job: { attempts: 3 } },
      { kind: 'retry', delayMs: expect.any(Number) as unknown },
    ],
    [
      'fail for good: NonRetryableError',
      new NonRetryableError('no'),
      { task: RETRY },
      { kind: 'failed', error: { code: 'non_retryable' } },
    ],
    [
      'fail for good: BullMQ’s UnrecoverableError',
      Object.assign(new Error('no'), { name: 'UnrecoverableError' }),
      { task: RETRY },
      { kind: 'failed' },
    ],
    ['fail for good: never', boom, { task: { retry: { attempts: 3, never: ['Error'] } } }, { kind: 'failed' }],
    ['cancel: CancelledError', new CancelledError('not needed'), { task: RETRY }, { kind: 'cancelled', error: { message: 'not needed' } }],
    [
      'cancel: of another copy of the package',
      Object.assign(new Error('x'), { code: 'cancelled', [Symbol.for('oxbow.error')]: true }),
      {},
      { kind: 'cancelled' },
    ],
    [
      'retry later: RetryAfterError',
      new RetryAfterError('1h'),
      { task: RETRY },
      { kind: 'retry', delayMs: expect.closeTo(3_600_000, -4) as unknown },
    ],
    ['fail on the last attempt: RetryAfterError', new RetryAfterError('1h'), {}, { kind: 'failed', error: { code: 'retry_after' } }],
    ['may be no errors', 'text', {}, { kind: 'failed', error: { name: 'NonError', message: 'text' } }],
  ])('%s', async (_, error, fields, expected) => {
    expect(await outcome(fail(error), fields)).toMatchObject(expected);
    expect(await outcome(() => Promise.reject(error), fields)).toMatchObject(expected);
  });

  it.each<[string, () => unknown]>([
    ['throws', fail(new TypeError('bug'))],
    ['gives no duration', () => 'soon'],
  ])('are retried by the default backoff when retry.backoff() %s', async (_, backoff) => {
    expect(await outcome(fail(boom), { task: { retry: { attempts: 3, backoff } } })).toMatchObject({
      kind: 'retry',
      error: boom,
      delayMs: expect.any(Number) as unknown,
    });
  });
});

describe('ctx', () => {
  it('retry ends the attempt: with its delay, else the backoff, and fails with the reason when none is left', async () => {
    const run = (_: never, ctx: TaskContext): never => ctx.retry({ delay: '7s', reason: 'not ready' });
    expect(await outcome(run, { task: RETRY })).toMatchObject({ kind: 'retry', delayMs: 7000, error: { message: 'not ready' } });
    expect(await outcome((_, ctx) => ctx.retry(), { task: RETRY })).toMatchObject({ kind: 'retry', delayMs: 100 });
    expect(await outcome(run, { task: RETRY, job: { attemptsMade: 2 } })).toMatchObject({
      kind: 'failed',
      error: { message: 'not ready' },
    });
  });

  it('retry is stronger than retry.never', async () => {
    expect(await outcome((_, ctx) => ctx.retry({ delay: 1 }), { task: { retry: { attempts: 2, never: [Error] } } })).toMatchObject({
      kind: 'retry',
    });
  });

  it.each([{ dealy: '1s' }, { delay: 'soon' }, { delay: -1 }, { delay: {} }, { reason: 5 }, null, 'later'])(
    'retry refuses %j',
    async (options) => {
      expect(await outcome((_, ctx) => ctx.retry(options as object))).toMatchObject({
        kind: 'failed',
        error: { code: 'invalid_options', message: expect.stringContaining('ctx.retry()') },
      });
    },
  );

  it('shows states and progress, each keeping the other', async () => {
    const attempt = makeAttempt(
      async (_, ctx) => {
        await ctx.setState('READING');
        await ctx.progress(1, 4, { file: 'a' });
        await ctx.setState('WRITING', { to: 'b' });
        await ctx.progress(4, 4);
      },
      { task: { states: ['READING', 'WRITING'] } },
    );
    expect(await composePipeline([])(attempt)).toMatchObject({ kind: 'succeeded' });
    const at = expect.any(Number) as number;
    const [reading, writing] = [
      { state: 'READING', at },
      { state: 'WRITING', at, meta: { to: 'b' } },
    ];
    const times = { at, from: { done: 1, at } };
    expect((attempt.job as ReturnType<typeof makeJob>).shown).toEqual([
      { state: 'READING', history: [reading] },
      { state: 'READING', history: [reading], done: 1, total: 4, meta: { file: 'a' }, ...times },
      { state: 'WRITING', history: [reading, writing], done: 1, total: 4, meta: { file: 'a' }, ...times },
      { state: 'WRITING', history: [reading, writing], done: 4, total: 4, ...times },
    ]);
  });

  it.each<[string, (ctx: TaskContext) => Promise<void>, RegExp]>([
    ['a state that is not declared', (ctx) => ctx.setState('GONE'), /does not declare the state "GONE"; its states: READING/u],
    ['a state that is no text', (ctx) => ctx.setState(undefined as never), /does not declare the state/u],
    ['progress that is no number', (ctx) => ctx.progress('1' as never, 2), /two finite numbers/u],
    ['progress below 0', (ctx) => ctx.progress(-1, 2), /two finite numbers/u],
    ['progress of NaN', (ctx) => ctx.progress(1, Number.NaN), /two finite numbers/u],
    ['progress without a total', (ctx) => ctx.progress(1, undefined as never), /two finite numbers/u],
    ['meta that JSON would change', (ctx) => ctx.progress(1, 2, { at: new Date(0) }), /progress\.meta\.at is a Date/u],
    ['meta of a state that JSON would change', (ctx) => ctx.setState('READING', [Number.NaN]), /state\.meta\.0 is NaN/u],
  ])('refuses %s', async (_, call, message) => {
    const result = await outcome((__, ctx) => call(ctx), { task: { states: ['READING'] } });
    expect(result).toMatchObject({
      kind: 'failed',
      error: { code: expect.stringMatching(/^(?:invalid_options|serialization)$/u), message: expect.stringMatching(message) },
    });
  });

  it('shows nothing more when another worker may run the job, nor when its handler has ended', async () => {
    const codes: unknown[] = [];
    const showAll = async (ctx: TaskContext): Promise<void> => {
      for (const show of [() => ctx.setState('READING'), () => ctx.progress(3, 4), () => ctx.heartbeat(3)])
        await show().catch((error: { readonly code: string }) => codes.push(error.code));
    };
    let left: TaskContext | undefined;
    const lost = makeAttempt(
      async (_, ctx) => {
        for (const done of [1, 2]) await ctx.progress(done, 4);
        lost.context?.abort(new LockLostError('j1'));
        await showAll(ctx);
      },
      { task: { states: ['READING'] } },
    );
    await composePipeline([])(lost);
    const ended = makeAttempt((_, ctx) => void (left = ctx), { task: { states: ['READING'] } });
    await composePipeline([])(ended);
    await showAll(left as unknown as TaskContext);
    expect(codes).toEqual(['lock_lost', 'lock_lost', 'lock_lost', 'closed', 'closed', 'closed']);
    const shown = [lost, ended].map(({ job }) => (job as ReturnType<typeof makeJob>).shown);
    expect(shown).toMatchObject([[{ done: 1, total: 4 }], []]);
  });

  it('stores what is shown though a write failed before', async () => {
    const told: object[] = [];
    let away = true;
    const updateProgress = async (progress: object): Promise<void> => {
      if (away) throw new Error('away');
      told.push(progress);
    };
    const codes: string[] = [];
    const attempt = makeAttempt(
      async (_, ctx) => {
        await ctx.setState('READING').catch((error: Error) => codes.push(error.message));
        await ctx.progress(1, 4).catch((error: Error) => codes.push(error.message));
        away = false;
      },
      { job: { updateProgress }, task: { states: ['READING'] } },
    );
    await composePipeline([])(attempt);
    expect(codes).toEqual(['away', 'away']);
    expect(told).toMatchObject([{ state: 'READING', history: [{ state: 'READING' }], done: 1, total: 4 }]);
  });

  it('signal aborts with the first reason, whenever it is asked for', async () => {
    const attempt = makeAttempt(
      async (_, ctx) => {
        attempt.context?.abort(new ShutdownError());
        attempt.context?.abort(new Error('later'));
        await Promise.resolve();
        ctx.signal.throwIfAborted();
      },
      { task: RETRY },
    );
    expect(await composePipeline([])(attempt)).toEqual({ kind: 'put-back', delayMs: 0, reason: 'shutdown' });
  });

  it('a handler that resolves after a shutdown has been told completes', async () => {
    const attempt = makeAttempt(() => {
      attempt.context?.abort(new ShutdownError());
      return 'done';
    });
    expect(await composePipeline([])(attempt)).toEqual({ kind: 'succeeded', value: 'done' });
  });

  it('a soft limit that was told before does not keep a cancel, or a drain, from counting', async () => {
    const told = (reason: Error): Promise<Outcome> => {
      const attempt = makeAttempt(
        (_input, { signal }) => {
          attempt.context?.abort(new SoftTimeLimitError('charge', 5));
          attempt.context?.abort(reason);
          throw signal.reason as Error;
        },
        { task: RETRY, job: { attempts: 3 } },
      );
      return composePipeline([])(attempt);
    };
    expect(await told(new CancelledError())).toMatchObject({ kind: 'cancelled' });
    expect(await told(new ShutdownError())).toMatchObject({ kind: 'put-back' });
    expect(await told(new Error('later'))).toMatchObject({ kind: 'retry', error: { code: 'soft_time_limit' } });
  });

  it('knows that it is inside a handler, across awaits, and not outside', async () => {
    const wait = async (): Promise<void> => {
      await Promise.resolve();
      assertOutsideTask();
    };
    expect(await outcome(wait)).toMatchObject({ kind: 'failed', error: { code: 'deadlock' } });
    expect(await outcome(wait)).toMatchObject({
      kind: 'failed',
      error: { code: 'deadlock', message: expect.stringContaining('Task "charge"') },
    });
    expect(assertOutsideTask).not.toThrow();
  });
});

describe('policies of users', () => {
  it('wrap the handler, the first outermost, and see input, headers and their options', async () => {
    const seen: unknown[] = [];
    const wrap = (name: string): Policy => ({
      name,
      run: async (attempt, next) => {
        seen.push([name, attempt.id, attempt.task, attempt.attempt, attempt.input, attempt.headers, attempt.options]);
        const result = await next();
        seen.push([name, result.kind]);
        return result;
      },
    });
    const owner: Policy<{ region: string }> = { ...wrap('outer'), options: { region: z.string().toUpperCase() } };
    const policies = [owner as Policy, wrap('inner')];
    await outcome(() => 1, { policies, task: { region: 'eu' } });
    const call = ['j1@default', 'charge', 1, { amount: 5 }, {}, { region: 'EU' }];
    expect(seen).toEqual([
      ['outer', ...call],
      ['inner', ...call],
      ['inner', 'succeeded'],
      ['outer', 'succeeded'],
    ]);
  });

  it('may return an outcome of their own, without the handler', async () => {
    const policies: Policy[] = [{ name: 'later', run: () => Promise.resolve({ kind: 'put-back', delayMs: 5, reason: 'busy' }) }];
    expect(await outcome(mustNotRun, { policies })).toEqual({ kind: 'put-back', delayMs: 5, reason: 'busy' });
  });

  it('that throw count as the handler', async () => {
    const policies: Policy[] = [{ name: 'bad', run: () => Promise.reject(new Error('policy')) }];
    expect(await outcome(() => 1, { policies, task: RETRY })).toMatchObject({ kind: 'retry', error: { message: 'policy' } });
  });

  it('cannot run the handler twice', async () => {
    let runs = 0;
    const policies: Policy[] = [{ name: 'twice', run: (_, next) => next().then(next) }];
    const result = await outcome(() => ++runs, { policies });
    expect(result).toMatchObject({ kind: 'failed', error: { message: 'Policy "twice" called next() twice.' } });
    expect(runs).toBe(1);
  });

  it('see errors as outcomes', async () => {
    const kinds: string[] = [];
    const policies: Policy[] = [
      {
        name: 'watch',
        run: async (_, next) => {
          const result = await next();
          kinds.push(result.kind);
          return result;
        },
      },
    ];
    await outcome(() => Promise.reject(new OxbowError('closed', 'x')), { policies, task: RETRY });
    expect(kinds).toEqual(['retry']);
  });

  it.each([undefined, null, 'done', {}, { kind: 'nonsense' }])(
    'that forget to return an outcome fail the attempt: %j',
    async (returned) => {
      const policies = [{ name: 'forgetful', run: () => Promise.resolve(returned) }] as unknown as Policy[];
      expect(await outcome(() => 1, { policies })).toMatchObject({
        kind: 'failed',
        error: { message: expect.stringContaining('"forgetful"') },
      });
    },
  );
});
