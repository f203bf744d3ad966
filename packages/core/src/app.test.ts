/** Bad input of every public function: an OxbowError with a stable code that names what is wrong, before anything is sent. */
import { inspect } from 'node:util';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createApp, type App } from './app.ts';
import type { AppOptions } from './app-options.ts';
import type { Policy } from './policies/policy.ts';
import { silent } from './testing/with-app.ts';

const SECRET = 's3cret';

/** An app that is never opened: nothing here reaches an engine. */
function makeApp(options: Partial<AppOptions> = {}): App {
  return createApp({ name: 'shop', url: 'embedded:', logger: silent, ...options });
}

/** What a bad call is refused with. */
function refusal(code: string, message: RegExp | string): unknown {
  return expect.objectContaining({ code, message: typeof message === 'string' ? message : expect.stringMatching(message) });
}

function assertRefusal(call: () => unknown, code: string, message: RegExp | string): void {
  expect(call).toThrow(refusal(code, message));
}

async function assertRejection(call: () => Promise<unknown>, code: string, message: RegExp | string): Promise<void> {
  await expect(call()).rejects.toEqual(refusal(code, message));
}

beforeEach(() => {
  vi.stubEnv('OXBOW_URL', undefined);
  vi.stubEnv('NODE_ENV', 'test');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('createApp', () => {
  it.each([undefined, null, 'shop', 5, []])('refuses %j instead of options', (options) => {
    assertRefusal(() => createApp(options as never), 'invalid_options', /^createApp\(\): .*expected object/u);
  });

  it.each([undefined, null, 5])('refuses the name %j', (name) => {
    assertRefusal(() => createApp({ name } as never), 'invalid_options', /^createApp\(\): name: /u);
  });

  it.each(['', 'a b', 'a:b', '{shop}', 'x'.repeat(129)])('refuses the name %j', (name) => {
    assertRefusal(() => makeApp({ name }), 'invalid_name', /^The app name must be/u);
  });

  it.each<[object, RegExp]>([
    [{ nmae: 'x' }, /unknown option "nmae"\. Did you mean "name"\?/u],
    [{ redisUrl: 'redis://x' }, /unknown option "redisUrl"\. Known: name, url, /u],
    [{ limits: { byte: 1 } }, /unknown option "limits\.byte"\. Did you mean "bytes"\?/u],
    [{ limits: { bytes: 0 } }, /limits\.bytes: /u],
    [{ limits: { depth: 1.5 } }, /limits\.depth: /u],
    [{ maxResultBytes: -1 }, /maxResultBytes: /u],
    [{ maxCrashes: 0 }, /maxCrashes: /u],
    [{ unknownTaskGrace: 'soon' }, /^createApp\(\): unknownTaskGrace must be a duration/u],
    [{ connectTimeout: -1 }, /^createApp\(\): connectTimeout must be a duration/u],
    [{ connectTimeout: {} }, /connectTimeout: must be a duration/u],
    [{ retention: { failed: { age: '1y' } } }, /^createApp\(\): retention\.failed\.age must be a duration/u],
    [{ retention: { succeeded: { count: -1 } } }, /retention\.succeeded\.count: /u],
    [{ retention: { suceeded: {} } }, /Did you mean "succeeded"/u],
    [{ queues: { critical: { prioritys: true } } }, /Did you mean "priorities"/u],
    [{ queues: ['critical'] }, /queues: /u],
    [{ evictionPolicy: 'panic' }, /evictionPolicy: /u],
    [{ logLevel: 'loud' }, /logLevel: /u],
    [{ logger: console }, /logger: must be a pino logger/u],
    [{ tls: true }, /tls: must be an object/u],
    [{ redact: 'password' }, /redact: /u],
    [{ url: 5 }, /url: /u],
  ])('refuses %j', (options, message) => {
    assertRefusal(() => makeApp(options), 'invalid_options', message);
  });

  it('refuses names of queues that could be keys', () => {
    assertRefusal(() => makeApp({ queues: { 'a:b': {} } }), 'invalid_name', /queue name/u);
  });

  it('refuses a level of OXBOW_LOG_LEVEL that pino does not know', () => {
    vi.stubEnv('OXBOW_LOG_LEVEL', 'loud');
    assertRefusal(() => createApp({ name: 'shop', url: 'embedded:' }), 'invalid_options', /OXBOW_LOG_LEVEL/u);
  });
});

describe('the URL', () => {
  it.each(['', 'shop', 'localhost:6379', 'http://localhost', 'memory:', 'REDIS://localhost', 'mysql://localhost/db', ' redis://localhost'])(
    '%j names no engine',
    (url) => {
      assertRefusal(() => makeApp({ url }), 'invalid_url', /Supported: embedded:, embedded:\.\/directory, redis:/u);
    },
  );

  it.each([
    'redis://',
    'redis:localhost:6379',
    'redis://:6379',
    'redis://host:99999',
    'redis://host/db',
    'rediss://host/1/2',
    `redis://:${SECRET}@/`,
  ])('%j is no Redis URL', (url) => {
    assertRefusal(() => makeApp({ url }), 'invalid_url', /^The Redis URL must have the form/u);
  });

  it.each([
    `redis://user:${SECRET}@host:999999`,
    `redis://user:${SECRET}@host/notanumber`,
    `redis://user:${SECRET}@:6379`,
    `rediss://:${SECRET}@ host`,
    `postgres://user:${SECRET}@host/db`,
    `mysql://user:${SECRET}@host/db`,
    `redis+cluster://user:${SECRET}@host/0`,
    `redis+sentinel://user:${SECRET}@host/`,
    `redis+sentinel://user:${SECRET}@host/master?password=${SECRET}`,
    `redis+sentinel://host/master?sentinelPassword=${SECRET}%`,
    `redis://user:/${SECRET}@host`,
    `redis://user:${SECRET}?@host`,
  ])('shows no password in its error, however it is printed: %j', (url) => {
    try {
      makeApp({ url });
      expect.unreachable();
    } catch (error) {
      const lines: string[] = [];
      pino({}, { write: (line: string) => void lines.push(line) }).error({ err: error }, 'start');
      expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error) + lines.join('')).not.toContain(SECRET);
    }
  });

  it('is never shown with its password when the server is away', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    // Port 1 refuses; a busy process hears of it late, and has to hear of it before it gives up.
    const app = makeApp({ url: `redis://user:${SECRET}@127.0.0.1:1/3`, connectTimeout: 1000, logger });
    const task = app.task('t', { run: () => 1 });
    const error: unknown = await task.enqueue().catch((thrown: unknown) => thrown);
    await app.close();
    expect(error).toMatchObject({
      code: 'engine_unavailable',
      message: expect.stringContaining('redis://127.0.0.1:1/3 could not be reached within 1000 ms'),
    });
    expect(lines.length).toBeGreaterThan(0);
    expect(inspect(error, { depth: 10, showHidden: true }) + lines.join('')).not.toContain(SECRET);
  });

  it('comes from OXBOW_URL, and its error too', () => {
    vi.stubEnv('OXBOW_URL', 'gopher://x');
    assertRefusal(() => createApp({ name: 'shop', logger: silent }), 'invalid_url', /gopher:/u);
  });

  it('must be given in production: never memory by accident', () => {
    vi.stubEnv('NODE_ENV', 'production');
    assertRefusal(() => createApp({ name: 'shop', logger: silent }), 'url_required', /OXBOW_URL/u);
    vi.stubEnv('OXBOW_URL', '');
    assertRefusal(() => createApp({ name: 'shop', logger: silent }), 'url_required', /OXBOW_URL/u);
    expect(() => createApp({ name: 'shop', logger: silent, url: 'embedded:' })).not.toThrow();
  });
});

describe('app.task', () => {
  const run = (): null => null;

  it.each([undefined, null, 5, {}, '', 'a b', 'charge:1'])('refuses the name %j', (name) => {
    assertRefusal(() => makeApp().task(name as never, { run }), 'invalid_name', /^The task name must be/u);
  });

  it.each([undefined, null, 'x', run])('refuses %s instead of options', (options) => {
    assertRefusal(() => makeApp().task('charge', options as never), 'invalid_options', /task "charge"/u);
  });

  it.each<[object, RegExp]>([
    [{}, /task "charge": run is missing\. .*app\.task\.contract\(\)/u],
    [{ run: 'x' }, /task "charge": run: must be the handler function/u],
    [{ run, quene: 'x' }, /task "charge": unknown option "quene"\. Did you mean "queue"\?/u],
    [{ run, retries: 3 }, /Did you mean "retry"\?/u],
    [{ run, retry: 3 }, /task "charge": retry: /u],
    [{ run, retry: { attempts: 1000 } }, /task "charge": retry\.attempts: /u],
    [{ run, retry: { backoff: { deley: '1s' } } }, /unknown option "retry\.backoff\.deley"\. Did you mean "delay"\?/u],
    [{ run, retry: { backoff: { delay: 'soon' } } }, /task "charge": retry\.backoff\.delay must be a duration/u],
    [{ run, input: {} }, /task "charge": input: must be a Standard Schema/u],
    [{ run, input: { amount: z.number() } }, /input: must be a Standard Schema, like z\.object/u],
    [{ run, output: 'string' }, /task "charge": output: must be a Standard Schema/u],
    [{ run, states: 'READING' }, /task "charge": states: /u],
    [{ run, timeuot: '5s' }, /task "charge": unknown option "timeuot"\. Did you mean "timeout"\?/u],
    [{ run, timeout: true }, /task "charge": timeout: must be a duration like '30s', or \{ soft, hard \}/u],
    [{ run, timeout: { sotf: '5s' } }, /unknown option "timeout\.sotf"\. Did you mean "soft"\?/u],
    [{ run, timeout: { soft: '5s', hard: '5s' } }, /task "charge": timeout\.soft \(5000 ms\) must be less than timeout\.hard/u],
    [{ run, heartbeat: {} }, /task "charge": heartbeat\.timeout: must be a duration/u],
    [{ run, isolate: 'thread' }, /task "charge": isolate: must be \{ kind: 'thread' \| 'process', module: import\.meta\.url \}/u],
    [{ run, isolate: { kind: 'thread' } }, /task "charge": isolate\.module: must be the module that declares the task/u],
    [{ run, isolate: { kind: 'thread', module: './x.js' } }, /task "charge": isolate\.module must be a file: URL/u],
  ])('refuses %j', (options, message) => {
    assertRefusal(() => makeApp().task('charge', options as never), 'invalid_options', message);
  });

  it.each([{ queue: 'a:b' }, { states: ['a b'] }])('refuses the names in %j', (options) => {
    assertRefusal(() => makeApp().task('charge', { run, ...options } as never), 'invalid_name', /(?:queue|state) name/u);
  });

  it('refuses a second task of one name, also as a contract', () => {
    const app = makeApp();
    app.task('charge', { run });
    assertRefusal(() => app.task('charge', { run }), 'duplicate_task', /"charge"/u);
    assertRefusal(() => app.task.contract('charge', { input: z.string(), output: z.string() }), 'duplicate_task', /"charge"/u);
  });

  it('does not keep the name of a task that it refused', () => {
    const app = makeApp();
    assertRefusal(() => app.task('charge', {} as never), 'invalid_options', /run is missing/u);
    expect(() => app.task('charge', { run })).not.toThrow();
  });

  it('refuses tasks of a closed app', async () => {
    const app = makeApp();
    await app.close();
    assertRefusal(() => app.task('charge', { run }), 'closed', 'App "shop" has been closed.');
  });
});

describe('app.task.contract', () => {
  const contract = (): ReturnType<typeof declare> => declare(makeApp());
  const declare = (app: App) => app.task.contract('charge', { input: z.string(), output: z.string() });

  it.each([undefined, null, 'run', {}])('implement refuses %j', (handler) => {
    assertRefusal(() => contract().implement(handler as never), 'invalid_options', /implement of task "charge" takes the handler/u);
  });

  it('can be implemented once', () => {
    const charge = contract().implement((input) => input);
    assertRefusal(() => charge.implement((input) => input), 'duplicate_task', /implemented already/u);
  });

  it('refuses unknown options', () => {
    assertRefusal(() => makeApp().task.contract('charge', { inputs: z.string() } as never), 'invalid_options', /Did you mean "input"/u);
  });

  it('without its handler is not a task of a worker', () => {
    const app = makeApp();
    declare(app);
    assertRefusal(() => app.worker(), 'invalid_options', /nothing to run/u);
    assertRefusal(() => app.worker({ tasks: ['charge'] }), 'unknown_task', /no task "charge" with a handler\. Known: none/u);
  });
});

describe('app.preset', () => {
  it.each<[unknown, RegExp]>([
    [undefined, /options must be an object/u],
    [null, /options must be an object/u],
    [{ retries: 3 }, /Did you mean "retry"/u],
    [{ retry: { attempts: 0 } }, /retry\.attempts/u],
  ])('refuses %j', (options, message) => {
    assertRefusal(() => makeApp().preset(options as never), 'invalid_options', message);
  });

  it('refuses the name of a queue', () => {
    assertRefusal(() => makeApp().preset({ queue: 'a b' }), 'invalid_name', /queue name/u);
  });

  it('checks its tasks as app.task does', () => {
    const app = makeApp();
    const { task } = app.preset({ queue: 'critical' });
    expect(task('a', { run: () => 1 }).queue).toBe('critical');
    expect(task('b', { queue: 'slow', run: () => 1 }).queue).toBe('slow');
    assertRefusal(() => task('a', { run: () => 1 }), 'duplicate_task', /"a"/u);
    assertRefusal(() => task('c', {} as never), 'invalid_options', /run is missing/u);
  });
});

describe('app.use', () => {
  const region: Policy<{ region: string }> = { name: 'region', options: { region: z.string() } };

  it.each<[unknown, string, RegExp]>([
    [undefined, 'invalid_options', /app\.use\(\)/u],
    [{}, 'invalid_options', /app\.use\(\): name/u],
    [{ name: 'a b' }, 'invalid_name', /policy name/u],
    [{ name: 'x', run: 'y' }, 'invalid_options', /run: must be a function/u],
    [{ name: 'x', enqueue: 5 }, 'invalid_options', /enqueue: must be a function/u],
    [{ name: 'x', ran: () => 1 }, 'invalid_options', /Did you mean "run"/u],
    [{ name: 'x', options: { a: 'string' } }, 'invalid_options', /options\.a: must be a Standard Schema/u],
    [{ name: 'x', options: { retry: z.string() } }, 'invalid_options', /the task option "retry" belongs to Oxbow/u],
  ])('refuses %j', (policy, code, message) => {
    assertRefusal(() => makeApp().use(policy as never), code, message);
  });

  it('refuses a second policy of one name, or with an option that has an owner', () => {
    const app = makeApp().use(region);
    assertRefusal(() => app.use(region), 'invalid_options', /there is a policy "region" already/u);
    assertRefusal(() => app.use({ ...region, name: 'other' }), 'invalid_options', /the task option "region" belongs to region/u);
  });

  it('comes before the first task', () => {
    const app = makeApp();
    app.task('a', { run: () => 1 });
    assertRefusal(() => app.use(region), 'invalid_options', /must come before the first task/u);
  });

  it('brings options, which its schema reads and nobody else knows', () => {
    const app = makeApp().use(region);
    expect(() => app.task('a', { region: 'eu', run: () => 1 })).not.toThrow();
    assertRefusal(() => app.task('b', { region: 5 as never, run: () => 1 }), 'invalid_options', /task "b": region: .*expected string/u);
    assertRefusal(() => app.task('c', { regio: 'eu', run: () => 1 } as never), 'invalid_options', /Did you mean "region"/u);
    assertRefusal(() => makeApp().task('d', { region: 'eu', run: () => 1 } as never), 'invalid_options', /unknown option "region"/u);
  });
});

describe('app.worker', () => {
  const app = makeApp();
  app.task('charge', { queue: 'critical', run: () => 1 });

  it.each<[unknown, string, RegExp]>([
    [null, 'invalid_options', /app\.worker\(\): .*expected object/u],
    [{ queue: { a: 1 } }, 'invalid_options', /Did you mean "queues"/u],
    [{ queues: { critical: 0 } }, 'invalid_options', /queues\.critical: /u],
    [{ queues: { critical: 1001 } }, 'invalid_options', /queues\.critical: /u],
    [{ queues: { critical: 1.5 } }, 'invalid_options', /queues\.critical: /u],
    [{ queues: { critical: '5' } }, 'invalid_options', /queues\.critical: /u],
    [{ queues: ['critical'] }, 'invalid_options', /queues: /u],
    [{ queues: {} }, 'invalid_options', /nothing to run/u],
    [{ queues: { 'a:b': 1 } }, 'invalid_name', /queue name/u],
    [{ tasks: ['charges'] }, 'unknown_task', /no task "charges" with a handler\. Known: charge/u],
    [{ tasks: 'charge' }, 'invalid_options', /tasks: /u],
    [{ tasks: [] }, 'invalid_options', /nothing to run/u],
    [{ startup: {} }, 'invalid_options', /startup: must be a function/u],
    [{ shutdown: 'x' }, 'invalid_options', /shutdown: must be a function/u],
    [{ drain: { soft: 'soon' } }, 'invalid_options', /drain\.soft must be a duration/u],
    [{ drain: { softly: '1s' } }, 'invalid_options', /unknown option "drain\.softly"/u],
    [{ drain: '20s' }, 'invalid_options', /drain: /u],
    [{ lockDuration: 500 }, 'invalid_options', /lockDuration must be at least 1000 ms/u],
    [{ lockDuration: 'x' }, 'invalid_options', /lockDuration must be a duration/u],
    [{ concurrency: 5 }, 'invalid_options', /unknown option "concurrency"/u],
  ])('refuses %j', (options, code, message) => {
    assertRefusal(() => app.worker(options as never), code, message);
  });

  it('has nothing to run without tasks', () => {
    assertRefusal(() => makeApp().worker(), 'invalid_options', /declare tasks with handlers first/u);
  });

  it('says what it would run', () => {
    expect(app.worker().describe()).toMatchObject({
      queues: { critical: 5 },
      pipeline: expect.arrayContaining(['parse', 'run']) as unknown,
    });
  });
});

describe('app.handle, app.queue and app.on', () => {
  it.each([undefined, null, 5, '', 'j1', 'j1@', '@q', 'j 1@q', 'j1@q:wait'])('handle refuses %j', (id) => {
    assertRefusal(() => makeApp().handle(id as never), 'unknown_job', /form <jobId>@<queue>/u);
  });

  it.each([undefined, '', 'a:b', '{q}', 5])('queue refuses %j', (name) => {
    assertRefusal(() => makeApp().queue(name as never), 'invalid_name', /queue name/u);
  });

  it('on refuses unknown signals and what is no function', () => {
    assertRefusal(
      () => makeApp().on('task:done' as never, () => undefined),
      'invalid_options',
      /no signal "task:done"\. Known: task:enqueued/u,
    );
    assertRefusal(() => makeApp().on('task:failed', undefined as never), 'invalid_options', /takes a function/u);
  });
});

describe('task.enqueue', () => {
  const app = makeApp({ queues: { ranked: { priorities: true } } });
  const any = app.task('any', { run: (input: unknown) => input });
  const order = app.task('order', {
    input: z.object({ id: z.string(), lines: z.array(z.object({ amount: z.number().positive() })) }),
    run: () => null,
  });

  it.each<[unknown, string, RegExp]>([
    [null, 'invalid_options', /enqueue of "any": .*expected object/u],
    ['5m', 'invalid_options', /enqueue of "any"/u],
    [{ delya: '5m' }, 'invalid_options', /unknown option "delya"\. Did you mean "delay"\?/u],
    [{ countdown: 5 }, 'invalid_options', /unknown option "countdown"\. Known: delay, at, /u],
    [{ delay: 'soon' }, 'invalid_options', /enqueue of "any": delay must be a duration/u],
    [{ delay: -1 }, 'invalid_options', /delay must be a duration/u],
    [{ delay: null }, 'invalid_options', /delay: must be a duration/u],
    [{ at: '2030-01-01' }, 'invalid_options', /enqueue of "any": at: /u],
    [{ at: new Date('nonsense') }, 'invalid_options', /at: /u],
    [{ at: new Date('2999-01-01') }, 'invalid_options', /enqueue of "any": at must be a duration from 0 to 366 days/u],
    [{ at: new Date(), delay: 1 }, 'invalid_options', /give delay or at, not both/u],
    [{ priority: 10, queue: 'ranked' }, 'invalid_options', /priority: /u],
    [{ priority: -1, queue: 'ranked' }, 'invalid_options', /priority: /u],
    [{ priority: 1.5, queue: 'ranked' }, 'invalid_options', /priority: /u],
    [{ priority: 5 }, 'invalid_options', /Queue "default" has no priorities: declare it/u],
    [{ expires: 'soon' }, 'invalid_options', /expires must be a duration/u],
    [{ expires: true }, 'invalid_options', /expires: /u],
    [{ queue: 'a:b' }, 'invalid_name', /queue name/u],
    [{ queue: 5 }, 'invalid_options', /queue: /u],
    [{ headers: 'x' }, 'invalid_options', /headers: /u],
    [{ headers: { a: 1 } }, 'invalid_options', /headers\.a: /u],
    [{ headers: { a: 'x'.repeat(20_000) } }, 'payload_too_large', /^headers has \d+ bytes of JSON; the limit is 16384/u],
    [
      { headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`h${i}`, 'x'])) },
      'payload_too_large',
      /^headers has more than 100 keys/u,
    ],
    [{ headers: { constructor: 'x' } }, 'serialization', /^headers\.constructor is a forbidden key/u],
    [{ attempts: 0 }, 'invalid_options', /attempts: /u],
    [{ attempts: 101 }, 'invalid_options', /attempts: /u],
  ])('refuses the options %j', async (options, code, message) => {
    await assertRejection(() => any.enqueue(1, options as never), code, message);
    await assertRejection(() => any.enqueueMany([1], options as never), code, message);
  });

  it.each<[unknown, RegExp]>([
    [undefined, /Input of task "order" is invalid: /u],
    [null, /Input of task "order" is invalid: /u],
    [{ id: 5, lines: [] }, /invalid: id: /u],
    [{ id: 'a', lines: [{ amount: 1 }, { amount: -5 }] }, /invalid: lines\.1\.amount: /u],
  ])('refuses the input %j', async (input, message) => {
    await assertRejection(() => order.enqueue(input as never), 'invalid_input', message);
    await assertRejection(() => order.delay(input as never), 'invalid_input', message);
    await assertRejection(() => order.enqueueMany([input as never]), 'invalid_input', message);
  });

  it.each<[unknown, string, RegExp]>([
    [{ at: new Date(0) }, 'serialization', /^input\.at is a Date/u],
    [[1n], 'serialization', /^input\.0 is a bigint/u],
    [JSON.parse('{"__proto__":1}'), 'serialization', /^input\.__proto__ is a forbidden key/u],
    ['x'.repeat(262_143), 'payload_too_large', /^input has 262145 bytes/u],
  ])('refuses what a job cannot carry: %#', async (input, code, message) => {
    await assertRejection(() => any.enqueue(input), code, message);
    await assertRejection(() => any.delay(input), code, message);
    await assertRejection(() => any.enqueueMany([input]), code, message);
  });

  it('holds the limits of the app', async () => {
    const small = makeApp({ limits: { bytes: 10, depth: 2, keys: 3 } }).task('small', { run: (input: unknown) => input });
    await assertRejection(() => small.enqueue('x'.repeat(9)), 'payload_too_large', /limit is 10/u);
    await assertRejection(() => small.enqueue([[[]]]), 'payload_too_large', /deeper than 2 levels/u);
    await assertRejection(() => small.enqueue([1, 2, 3, 4]), 'payload_too_large', /more than 3 keys/u);
  });

  it.each([undefined, null, 5, 'abc', {}])('enqueueMany refuses %j instead of a list', async (inputs) => {
    await assertRejection(() => any.enqueueMany(inputs as never), 'invalid_options', /enqueueMany of "any" takes an array/u);
  });

  it('of a closed app rejects', async () => {
    const closed = makeApp();
    const task = closed.task('t', { run: () => 1 });
    await closed.close();
    await assertRejection(() => task.enqueue(), 'closed', /closed/u);
    await assertRejection(() => closed.ready(), 'closed', /closed/u);
    assertRefusal(() => closed.worker({ queues: { q: 1 } }), 'closed', /closed/u);
    assertRefusal(() => closed.queue('q'), 'closed', /closed/u);
    await assertRejection(() => closed.handle('a@b').status(), 'closed', /closed/u);
    await assertRejection(() => closed.handle('a@b').result(), 'closed', /closed/u);
    await closed.close();
  });
});

describe('handle.result', () => {
  it.each<[unknown, RegExp]>([
    [{ timeuot: '1s' }, /result\(\): unknown option "timeuot"\. Did you mean "timeout"\?/u],
    [{ timeout: 'soon' }, /result\(\): timeout must be a duration/u],
    [{ timeout: null }, /result\(\): timeout: must be a duration/u],
    [null, /result\(\): .*expected object/u],
    ['30s', /result\(\): .*expected object/u],
  ])('refuses %j', async (options, message) => {
    await assertRejection(
      () =>
        makeApp()
          .handle('j1@default')
          .result(options as never),
      'invalid_options',
      message,
    );
  });
});

describe('an app that has been closed while it was open', () => {
  it('rejects what is called after, with the code closed', async () => {
    const app = makeApp();
    const task = app.task('t', { run: () => 1 });
    const handle = await task.enqueue();
    const waiting = assertRejection(() => handle.result(), 'closed', /closed/u);
    await app.close();
    await waiting;
    await assertRejection(() => task.enqueue(), 'closed', /closed/u);
    await assertRejection(() => handle.status(), 'closed', /closed/u);
    await assertRejection(() => handle.result(), 'closed', /closed/u);
    await assertRejection(() => handle.changes().next(), 'closed', /closed/u);
  });

  it('knows no job that there never was', async () => {
    const app = makeApp();
    await assertRejection(() => app.handle('nosuchjob@default').status(), 'unknown_job', /There is no job nosuchjob@default/u);
    await assertRejection(() => app.handle('nosuchjob@default').result(), 'unknown_job', /There is no job/u);
    await assertRejection(() => app.handle('nosuchjob@default').changes().next(), 'unknown_job', /There is no job/u);
    await app.close();
  });
});
