/** Isolated tasks. The test that uses them imports this module, and so do the children; which app they belong to is in the environment. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { z } from 'zod';
import { createApp } from '../app.ts';
import type { IsolateOptions } from '../policies/isolation.ts';
import { NonRetryableError } from '../errors.ts';

interface IsolatedConfig {
  readonly app: string;
  readonly url: string;
  /** Handlers note here in which process they run. */
  readonly ledger: string;
  /** Enqueues two that do not end. */
  readonly begin?: boolean;
}

export const config = JSON.parse(process.env['OXBOW_ISOLATED'] ?? '{}') as IsolatedConfig;

export class OwnError extends Error {
  override readonly name = 'OwnError';
}

/** What the worker of this process has logged. */
export const logged: unknown[] = [];
const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line)) });

export const app = createApp({ name: config.app, url: config.url, logger });

/** Ids of jobs that were enqueued, with that of the attempt around it. */
export const enqueuedIn = new Map<string, string | undefined>();
const attemptOf = new AsyncLocalStorage<string>();
app.use({
  name: 'context',
  run: (attempt, next) => attemptOf.run(attempt.id, next),
  enqueue: (call, next) => {
    enqueuedIn.set(call.id, attemptOf.getStore());
    return next(call);
  },
});

const AT_ONCE = { attempts: 2, backoff: () => 0 } as const;

function shutdown(deps: unknown): void {
  appendFileSync(config.ledger, `shutdown ${(deps as { readonly startedBy: number }).startedBy}\n`);
}

/** @param kind - where these tasks run; their names begin with it. */
function declare(kind: IsolateOptions['kind']) {
  const isolate = { kind, module: import.meta.url, startup: () => ({ startedBy: process.pid }), shutdown } as const;
  const { task } = app.preset({ queue: kind, isolate });
  const name = (base: string): string => `${kind}-${base}`;
  return {
    /** All of its context, and what it was given. */
    whole: task(name('whole'), {
      input: z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }),
      states: ['LOOKING'],
      run: async ({ at }, ctx) => {
        await ctx.setState('LOOKING', { pid: process.pid });
        for (const done of [0, 1]) await ctx.progress(done, 2);
        await ctx.heartbeat({ line: 7 });
        ctx.log.warn({ from: 'child' }, 'hello');
        return {
          year: at.getUTCFullYear(),
          isDate: at instanceof Date,
          pid: process.pid,
          deps: ctx.deps,
          about: [ctx.id, ctx.name, ctx.queue, ctx.attempt, ctx.headers, ctx.runId ?? null],
          aborted: ctx.signal.aborted,
        };
      },
    }),
    bare: task(name('bare'), { isolate: { kind, module: import.meta.url }, run: (_: undefined, ctx) => ctx.deps }),
    unready: task(name('unready'), {
      isolate: { kind, module: import.meta.url, startup: () => Promise.reject(new OwnError('no pool')) },
      run: () => null,
    }),
    pid: task(name('pid'), { run: () => process.pid }),
    /** Fails after its first steps, and gives what they gave when it is tried again. */
    steps: task(name('steps'), {
      idempotency: 'natural',
      retry: AT_ONCE,
      lock: { key: () => name('steps') },
      run: async (_: undefined, ctx) => {
        const draw = (step: string) => ctx.once(step, () => `${step} of attempt ${ctx.attempt}`);
        const twice = await Promise.all([draw('one'), draw('one')]);
        const failed = await ctx.once('bad', () => Promise.reject(new Error('not yet'))).catch((error: Error) => error.message);
        if (ctx.attempt === 1) throw new Error('again');
        return { twice, failed, other: await draw('two'), hasFence: (ctx.fence ?? 0) > 0 };
      },
    }),
    /** Never lets the event loop turn. */
    loop: task(name('loop'), {
      timeout: 150,
      run: () => {
        for (;;);
      },
    }),
    /** The same, without a limit. */
    endless: task(name('endless'), {
      heartbeat: { timeout: '1h' },
      run: async (_: undefined, ctx) => {
        await ctx.heartbeat(process.pid);
        appendFileSync(config.ledger, `endless ${process.pid}\n`);
        for (;;);
      },
    }),
    silent: task(name('silent'), {
      heartbeat: { timeout: 200 },
      retry: AT_ONCE,
      run: async (_: undefined, ctx) => {
        if (ctx.attempt === 2) return ctx.lastHeartbeat;
        await ctx.heartbeat('beat');
        for (;;);
      },
    }),
    soft: task(name('soft'), {
      timeout: { soft: 100, hard: '20s' },
      run: (_: undefined, ctx) => wait(60_000, undefined, { signal: ctx.signal }).catch(() => (ctx.signal.reason as Error).name),
    }),
    polite: task(name('polite'), {
      states: ['ON'],
      run: async (_: undefined, ctx) => {
        await ctx.setState('ON');
        appendFileSync(config.ledger, `polite ${process.pid}\n`);
        await wait(60_000, undefined, { signal: ctx.signal });
      },
    }),
    exits: task(name('exits'), { run: () => process.exit(3) }),
    crashes: task(name('crashes'), {
      run: () => {
        setTimeout(() => {
          throw new RangeError('nobody catches me');
        }, 1);
        return wait(60_000);
      },
    }),
    fails: task(name('fails'), {
      retry: { attempts: 3, backoff: () => 0, on: [OwnError] },
      run: (how: 'own' | 'other' | 'final' | 'retry' | 'class', ctx): number => {
        if (ctx.attempt === 3) return 3;
        if (how === 'own') throw Object.assign(new OwnError('mine', { cause: new TypeError('root') }), { code: 'E_OWN' });
        if (how === 'final') throw new NonRetryableError('no use');
        if (how === 'retry') ctx.retry({ delay: 1, reason: 'again' });
        throw new RangeError('other');
      },
    }),
    bad: task(name('bad'), { run: (): unknown => ({ at: new Date() }) }),
    enqueues: task(name('enqueues'), {
      run: async (_: undefined, ctx) => {
        const refused = await plain.enqueue(1).catch((error: { readonly code: string }) => error.code);
        const { id } = await ctx.enqueue(plain, 2, { headers: { from: ctx.name } });
        const canvas = await ctx.enqueue(plain.s(), 3);
        const wrong = await ctx.enqueue(plain, new Date() as never).catch((error: { readonly code: string }) => error.code);
        let background: unknown;
        try {
          app.background(() => undefined);
        } catch (error) {
          background = (error as { readonly code: string }).code;
        }
        return { refused, ids: [id, canvas.id], wrong, background };
      },
    }),
    replaces: task(name('replaces'), { run: (n: number, ctx): number => ctx.replace(plain.si(n + 1)) }),
    double: task(name('double'), { run: (n: number) => n * 2 }),
  };
}

export const plain = app.task('plain', { queue: 'plain', run: (n: number) => n * 10 });
export const tasks = { thread: declare('thread'), process: declare('process') };

// As a program does that is a module of tasks too: in a child it does nothing.
export const worker = app.worker({ queues: { thread: 4, process: 4, plain: 2 }, drain: { soft: 20, hard: 20 } });
await worker.start();
// A child is refused.
if (config.begin === true)
  await Promise.all([tasks.process.endless, tasks.process.polite].map((task) => task.enqueue())).catch(() => undefined);
