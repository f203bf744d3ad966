/** What compiles, and what must not: `@ts-expect-error` fails when its line compiles. Nothing here is run. */
/* oxlint-disable vitest/expect-expect -- @ts-expect-error is an assertion */
import { assertType, describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { createApp, type DeclareTask, type JobHandle, type JobStatus, type Policy, type Task, type TaskContext } from './index.ts';

interface Deps {
  readonly pool: { query(sql: string): Promise<readonly unknown[]> };
}

const app = createApp({ name: 'shop' });
const typed = createApp<Deps>({ name: 'shop' });

const Order = z.object({ id: z.string(), amount: z.number() });
/** Its two forms differ in every field. */
const Parsed = z.object({ n: z.coerce.number<string>(), at: z.string().transform((text) => new Date(text)), size: z.number().default(5) });

describe('a task with a schema', () => {
  it('takes the input form from producers and gives the output form to its handler', () => {
    const task = app.task('parsed', {
      input: Parsed,
      run: (input, ctx) => {
        expectTypeOf(input).toEqualTypeOf<{ n: number; at: Date; size: number }>();
        expectTypeOf(ctx.attempt).toEqualTypeOf<number>();
        return input.n;
      },
    });
    expectTypeOf(task).toEqualTypeOf<Task<{ n: string; at: string; size?: number | undefined }, number>>();
    expectTypeOf(task.enqueue).toBeCallableWith({ n: '1', at: '2026-01-01' });
    expectTypeOf(task.delay).toBeCallableWith({ n: '1', at: '2026-01-01', size: 3 });
    expectTypeOf(task.enqueueMany).toBeCallableWith([{ n: '1', at: '' }], { delay: '5m' });
    expectTypeOf(task.enqueueMany).toBeCallableWith(new Set([{ n: '1', at: '' }]));
  });

  it('does not take other input', () => {
    const task = app.task('order', { input: Order, run: () => null });
    // @ts-expect-error -- no input
    void task.enqueue();
    // @ts-expect-error -- no input
    void task.delay();
    // @ts-expect-error -- a field is missing
    void task.enqueue({ id: 'a' });
    // @ts-expect-error -- of another type
    void task.enqueue({ id: 'a', amount: '5' });
    // @ts-expect-error -- one field too many
    void task.enqueue({ id: 'a', amount: 5, amont: 5 });
    // @ts-expect-error -- one of many is wrong
    void task.enqueueMany([{ id: 'a', amount: 5 }, { id: 'b' }]);
    // @ts-expect-error -- one is not many
    void task.enqueueMany({ id: 'a', amount: 5 });
    // @ts-expect-error -- the output form is not the input form
    void app.task('parsed', { input: Parsed, run: () => null }).enqueue({ n: 1, at: new Date(), size: 1 });
  });

  it('gives the type of its result to handles', async () => {
    const task = app.task('order', { input: Order, run: async (order) => Promise.resolve({ receipt: `r-${order.id}` }) });
    const handle = await task.enqueue({ id: 'a', amount: 5 });
    expectTypeOf(handle).toEqualTypeOf<JobHandle<{ receipt: string }>>();
    expectTypeOf(await handle.result()).toEqualTypeOf<{ receipt: string }>();
    expectTypeOf(await handle.result({ timeout: '30s' })).toEqualTypeOf<{ receipt: string }>();
    expectTypeOf(await task.enqueueMany([])).toEqualTypeOf<readonly JobHandle<{ receipt: string }>[]>();
    expectTypeOf(await handle.status()).toEqualTypeOf<JobStatus>();
    for await (const change of handle.changes()) expectTypeOf(change).toEqualTypeOf<JobStatus>();
  });

  it('must return what its output schema takes, and handles get what that gives', async () => {
    const task = app.task('out', { input: Order, output: z.object({ n: z.string().transform(Number) }), run: ({ id }) => ({ n: id }) });
    expectTypeOf(await (await task.enqueue({ id: 'a', amount: 1 })).result()).toEqualTypeOf<{ n: number }>();
    // @ts-expect-error -- returns a number where the schema takes text
    app.task('out', { input: Order, output: z.object({ n: z.string() }), run: ({ amount }) => ({ n: amount }) });
  });

  it('that may be left out can be enqueued without', () => {
    const task = app.task('maybe', { input: z.object({ n: z.number() }).optional(), run: (input) => input?.n ?? 0 });
    expectTypeOf(task.enqueue).toBeCallableWith();
    expectTypeOf(task.enqueue).toBeCallableWith({ n: 1 });
    expectTypeOf(task.enqueue).toBeCallableWith(undefined, { delay: '5m' });
  });
});

describe('a task that is only typed', () => {
  it('has the input that its handler says', () => {
    const task = app.task('plain', { run: (input: { readonly n: number }, ctx) => [input.n, ctx.id] as const });
    expectTypeOf(task).toEqualTypeOf<Task<{ readonly n: number }, readonly [number, string]>>();
    // @ts-expect-error -- of another type
    void task.enqueue({ n: '5' });
    // @ts-expect-error -- no input
    void task.enqueue();
  });

  it('without input is enqueued without', async () => {
    const task = app.task('tick', { run: () => 5 });
    expectTypeOf(task.enqueue).toBeCallableWith();
    expectTypeOf(task.enqueue).toBeCallableWith(undefined, { delay: '5m' });
    expectTypeOf(task.delay).toBeCallableWith();
    expectTypeOf(await (await task.enqueue()).result()).toEqualTypeOf<number>();
    expectTypeOf(app.task('void', { run: (_: undefined, ctx) => ctx.id }).enqueue).toBeCallableWith();
  });

  it('may have an output schema', async () => {
    const task = app.task('out', { output: z.string().transform(Number), run: (n: number) => String(n) });
    expectTypeOf(await (await task.enqueue(1)).result()).toEqualTypeOf<number>();
    // @ts-expect-error -- returns a number where the schema takes text
    app.task('bad', { output: z.string(), run: (n: number) => n });
  });
});

describe('options', () => {
  const run = (): null => null;

  it('of tasks do not compile when they are unknown or of another type', () => {
    app.task('a', {
      queue: 'critical',
      retry: {
        attempts: 5,
        backoff: { type: 'fixed', delay: '1s', max: '5m', jitter: 'equal' },
        on: [TypeError, 'E1'],
        never: [RangeError],
      },
      run,
    });
    app.task('b', { retry: { backoff: (attempt, error) => (error.name === 'X' ? '1h' : attempt * 1000) }, run });
    // @ts-expect-error -- unknown
    app.task('c', { retires: {}, run });
    // @ts-expect-error -- unknown, within
    app.task('d', { retry: { attemps: 3 }, run });
    // @ts-expect-error -- no unit of time
    app.task('e', { retry: { backoff: { delay: '5 minutes' } }, run });
    // @ts-expect-error -- no such jitter
    app.task('f', { retry: { backoff: { jitter: 'half' } }, run });
    app.task('limits', { timeout: '30s', heartbeat: { timeout: '10s' }, run });
    app.task('both', { timeout: { soft: '20s', hard: 30_000 }, isolate: { kind: 'process', module: new URL('file:///a.js') }, run });
    app.preset({ timeout: '30s', isolate: { kind: 'thread', module: import.meta.url, startup: () => 1 } }).task('p', { run });
    // @ts-expect-error -- no unit of time
    app.task('l1', { timeout: '30 seconds', run });
    // @ts-expect-error -- no such limit
    app.task('l2', { timeout: { softly: '20s' }, run });
    // @ts-expect-error -- which module declares it?
    app.task('l3', { isolate: 'thread', run });
    // @ts-expect-error -- which module declares it?
    app.task('l4', { isolate: { kind: 'thread' }, run });
    // @ts-expect-error -- no timeout
    app.task('l5', { heartbeat: {}, run });
    // @ts-expect-error -- no handler
    app.task('g', { input: Order });
    // @ts-expect-error -- no schema
    app.task('h', { input: { id: 'string' }, run });
  });

  it('of an enqueue', () => {
    const task = app.task('t', { run: (n: number) => n });
    void task.enqueue(1, { delay: '5m', expires: new Date(), headers: { a: 'b' }, attempts: 2, priority: 9, queue: 'q' });
    // @ts-expect-error -- unknown
    void task.enqueue(1, { countdown: 5 });
    // @ts-expect-error -- headers are text
    void task.enqueue(1, { headers: { a: 1 } });
    // @ts-expect-error -- a date is a Date
    void task.enqueue(1, { at: '2026-01-01' });
    // @ts-expect-error -- the short form has no options
    void task.delay(1, { delay: '5m' });
  });

  it('of presets are policies, not handlers', () => {
    const { task } = app.preset({ queue: 'mail', retry: { attempts: 5 } });
    expectTypeOf(task('send', { input: Order, run: (order) => order.id })).toEqualTypeOf<Task<{ id: string; amount: number }, string>>();
    // @ts-expect-error -- unknown
    app.preset({ quue: 'mail' });
    // @ts-expect-error -- a preset has no handler
    app.preset({ run });
  });

  it('of durations', () => {
    const task = app.task('t', { run });
    void task.enqueue(undefined, { delay: 500 });
    void task.enqueue(undefined, { delay: '1.5s' });
    // @ts-expect-error -- no such unit
    void task.enqueue(undefined, { delay: '1w' });
    // @ts-expect-error -- no unit
    void task.enqueue(undefined, { delay: '500' });
  });
});

describe('ctx', () => {
  it('takes only the declared states', () => {
    app.task('stated', {
      input: Order,
      states: ['VALIDATING', 'CHARGING'],
      run: async (_, ctx) => {
        await ctx.setState('VALIDATING');
        await ctx.setState('CHARGING', { step: 2 });
        // @ts-expect-error -- not declared
        await ctx.setState('CHARGED');
        expectTypeOf(ctx).toEqualTypeOf<TaskContext<unknown, 'VALIDATING' | 'CHARGING'>>();
      },
    });
    app.task('stateless', {
      run: async (_: number, ctx) => {
        // @ts-expect-error -- there are none
        await ctx.setState('ANY');
      },
    });
  });

  it('has the deps of the app', () => {
    typed.task('query', {
      input: Order,
      run: async (_, ctx) => {
        expectTypeOf(ctx.deps).toEqualTypeOf<Deps>();
        // @ts-expect-error -- deps are not ours to change
        ctx.deps = undefined as never;
        return ctx.deps.pool.query('');
      },
    });
    typed.preset({ queue: 'x' }).task('preset', { run: (_: number, ctx) => expectTypeOf(ctx.deps).toEqualTypeOf<Deps>() });
    app.task('none', { run: (_: number, ctx) => expectTypeOf(ctx.deps).toEqualTypeOf<unknown>() });
  });

  it('retry never returns', () => {
    app.task('again', {
      run: (n: number, ctx) => {
        if (n > 1) return n;
        return ctx.retry({ delay: '5s', reason: 'later' });
      },
    });
    expectTypeOf<TaskContext['retry']>().returns.toBeNever();
    expectTypeOf<TaskContext['signal']>().toEqualTypeOf<AbortSignal>();
  });
});

describe('workers', () => {
  it('make the deps of the app', () => {
    const open = (): Deps => ({ pool: { query: async () => Promise.resolve([]) } });
    typed.worker({ startup: open, shutdown: ({ pool }) => void pool.query('') });
    typed.worker({ startup: async ({ signal }) => Promise.resolve({ pool: { query: async () => Promise.resolve([signal.aborted]) } }) });
    // @ts-expect-error -- other deps
    typed.worker({ startup: () => ({ client: 1 }) });
    // @ts-expect-error -- other deps
    typed.worker({ startup: open, shutdown: ({ client }) => void client });
    // @ts-expect-error -- handlers would have none
    typed.worker({ queues: { default: 1 } });
    // @ts-expect-error -- handlers would have none
    typed.worker();
    // @ts-expect-error -- it would never end
    typed.worker({ startup: open, startupTimeout: '1y' });
    createApp<Deps | undefined>({ name: 'may' }).worker();
    app.worker();
    // @ts-expect-error -- unknown
    app.worker({ concurrency: 5 });
  });
});

describe('isolated tasks', () => {
  const module = import.meta.url;

  it('make the deps of the app', () => {
    const startup = async (): Promise<Deps> => Promise.resolve({ pool: { query: async () => Promise.resolve([]) } });
    const shutdown = async ({ pool }: Deps): Promise<void> => void (await pool.query(''));
    typed.task('own', { isolate: { kind: 'thread', module, startup, shutdown }, run: (_: number, ctx) => ctx.deps.pool.query('') });
    typed.preset({ isolate: { kind: 'process', module, startup } }).task('preset', { run: () => null });
    // @ts-expect-error -- other deps
    typed.task('other', { isolate: { kind: 'thread', module, startup: () => ({ client: 1 }) }, run: () => null });
    // @ts-expect-error -- other deps
    typed.preset({ isolate: { kind: 'thread', module, startup: () => ({ client: 1 }) } });
    app.task('any', { isolate: { kind: 'thread', module, startup: () => 5 }, run: () => null });
  });
});

describe('contracts', () => {
  const contract = app.task.contract('contract', {
    input: Parsed,
    output: z.object({ total: z.string().transform(Number) }),
    states: ['A'],
  });

  it('are tasks for producers', async () => {
    expectTypeOf(contract.enqueue).toBeCallableWith({ n: '1', at: '' });
    expectTypeOf(await (await contract.enqueue({ n: '1', at: '' })).result()).toEqualTypeOf<{ total: number }>();
    // @ts-expect-error -- the output form
    void contract.enqueue({ n: 1, at: new Date() });
    // @ts-expect-error -- a contract has no handler
    app.task.contract('x', { input: Order, output: Order, run: () => null });
    // @ts-expect-error -- a contract says what comes out
    app.task.contract('x', { input: Order });
  });

  it('are implemented with the handler that they say', () => {
    expectTypeOf(
      contract.implement(async (input, ctx) => {
        expectTypeOf(input).toEqualTypeOf<{ n: number; at: Date; size: number }>();
        await ctx.setState('A');
        // @ts-expect-error -- not declared
        await ctx.setState('B');
        return { total: String(input.n) };
      }),
    ).toEqualTypeOf(contract);
    // @ts-expect-error -- returns a number where the schema takes text
    contract.implement((input) => ({ total: input.n }));
    typed.task.contract('deps', { input: Order, output: Order }).implement((order, ctx) => {
      expectTypeOf(ctx.deps).toEqualTypeOf<Deps>();
      return order;
    });
  });
});

describe('policies of users', () => {
  const tenant: Policy<{ tenant: string; weight?: number }> = {
    name: 'tenant',
    options: { tenant: z.string(), weight: z.number().optional() },
  };
  const used = app.use(tenant);

  it('bring their task options, and no others', () => {
    used.task('a', { tenant: 'x', weight: 1, run: () => 1 });
    used.task('b', { run: () => 1 });
    used.preset({ tenant: 'x' }).task('c', { input: Order, weight: 2, run: (order) => order.id });
    used.task.contract('d', { input: Order, output: Order, tenant: 'x' });
    // @ts-expect-error -- of another type
    used.task('e', { tenant: 5, run: () => 1 });
    // @ts-expect-error -- unknown
    used.task('f', { tennant: 'x', run: () => 1 });
    // @ts-expect-error -- this app does not use the policy
    app.task('g', { tenant: 'x', run: () => 1 });
    // @ts-expect-error -- a preset, of another type
    used.preset({ tenant: 5 });
  });

  it('of two apply together', () => {
    const both = used.use({ name: 'region', options: { region: z.enum(['eu', 'us']) } } satisfies Policy<{ region: 'eu' | 'us' }>);
    both.task('a', { tenant: 'x', region: 'eu', run: () => 1 });
    // @ts-expect-error -- no such region
    both.task('b', { tenant: 'x', region: 'asia', run: () => 1 });
  });
});

describe('other doors', () => {
  it('handles of an id have the result that is claimed', async () => {
    expectTypeOf(app.handle('a@b').result).returns.resolves.toEqualTypeOf<unknown>();
    expectTypeOf(await app.handle<number>('a@b').result()).toEqualTypeOf<number>();
  });

  it('signals have their own events', () => {
    app.on('task:failed', (event) => expectTypeOf(event.error).toEqualTypeOf<Error>());
    app.on('worker:drained', (event) => expectTypeOf(event.orphans).toEqualTypeOf<readonly string[]>());
    // @ts-expect-error -- no such signal
    app.on('task:done', () => undefined);
    // @ts-expect-error -- an enqueue has no attempt
    app.on('task:enqueued', (event) => event.attempt);
  });

  it('options of the app', () => {
    assertType<DeclareTask<unknown, object>>(app.task);
    // @ts-expect-error -- no name
    createApp({});
    // @ts-expect-error -- unknown
    createApp({ name: 'x', redisUrl: 'redis://x' });
    // @ts-expect-error -- no such level
    createApp({ name: 'x', logLevel: 'loud' });
  });
});

describe('options that are functions of the input', () => {
  it('get the form that producers give', () => {
    app.task('keyed', {
      input: Parsed,
      unique: {
        key: (input) => {
          expectTypeOf(input).toEqualTypeOf<{ n: string; at: string; size?: number | undefined }>();
          return input.n;
        },
      },
      run: () => null,
    });
    app.task('typed', { debounce: { key: ({ id }) => id, delay: '1s' }, run: ({ id }: { id: string }) => id });
    // @ts-expect-error -- the input has no such field
    app.task('order', { input: Order, throttle: { key: ({ name }) => name, per: '1s' }, run: () => null });
    // @ts-expect-error -- a key is a text
    app.task('order', { input: Order, lock: { key: ({ amount }) => amount }, run: () => null });
    // @ts-expect-error -- one of three that exclude each other needs what it says
    app.task('order', { input: Order, debounce: {}, run: () => null });
  });
});

describe('idempotency', () => {
  it('makes its key of what producers give', () => {
    app.task('parsed', {
      input: Parsed,
      idempotency: {
        key: (input) => {
          expectTypeOf(input).toEqualTypeOf<{ n: string; at: string; size?: number | undefined }>();
          return input.n;
        },
      },
      run: () => null,
    });
    app.task('typed', { idempotency: { key: ({ id }) => id }, run: (order: { id: string }) => order.id });
    // @ts-expect-error -- a number is no key
    app.task('order', { input: Order, idempotency: { key: ({ amount }) => amount }, run: () => null });
    app.preset({ idempotency: 'natural' });
  });

  it('takes a key for one job', () => {
    const task = app.task('order', { input: Order, run: () => null });
    expectTypeOf(task.enqueue).toBeCallableWith({ id: '1', amount: 1 }, { idempotencyKey: 'k' });
    // @ts-expect-error -- of several
    void task.enqueueMany([{ id: '1', amount: 1 }], { idempotencyKey: 'k' });
  });

  it('gives of a step what it gave', () => {
    app.task('steps', {
      run: async (_: undefined, ctx) => {
        expectTypeOf(await ctx.once('a', () => 1)).toEqualTypeOf<number>();
        expectTypeOf(await ctx.once('b', async () => ['x'])).toEqualTypeOf<string[]>();
      },
    });
  });
});
