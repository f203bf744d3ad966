import type { App } from '../app.ts';
import type { Signature } from '../canvas/signature.ts';
import type { CanvasFailure } from '../canvas/tree.ts';
import type { Task } from '../client/task.ts';
import type { TaskContext } from '../execution/context.ts';
import type { TaskPolicies } from '../task-options.ts';
import { Gate } from './gate.ts';
import { uniqueName } from './with-app.ts';

/** What `fail` throws. */
export class Boom extends Error {
  override readonly name = 'Boom';
}

/** Who a job is: the ids that its context has. */
export interface Ids {
  readonly id: string;
  readonly runId: string | null;
  readonly parentId: string | null;
}

interface Pair {
  readonly x: number;
  readonly y: number;
}

/** A number that is given once a gate of the test opens. */
interface Gated {
  readonly x: number;
  readonly gate: string;
}

const AT_ONCE = { attempts: 10, backoff: () => 0 } as const;

type Run<In, Out> = (input: In, ctx: TaskContext) => Out | Promise<Out>;

/** The tasks that the conformance cases are written over. Each call declares its own, so no other test reaches its log. */
export type TinyTasks = ReturnType<typeof tinyTasks>;

export function tinyTasks(app: App, queue: string) {
  const own = uniqueName();
  const seen = lists<unknown>();
  const gates = new Map<string, Gate>();

  const gate = (name: string): Gate => {
    const found = gates.get(name) ?? new Gate();
    gates.set(name, found);
    return found;
  };
  const declare = <In, Out>(name: string, run: Run<In, Out>, options: Pick<TaskPolicies, 'retry' | 'timeout'> = {}): Task<In, Out> =>
    app.task(`${name}-${own}`, {
      queue,
      ...options,
      run: (input: In, ctx): Out | Promise<Out> => {
        seen(name).push(input);
        return run(input, ctx);
      },
    }) as Task<In, Out>;

  const add = declare('add', ({ x, y, z = 0 }: Pair & { readonly z?: number }) => x + y + z);
  const mul = declare('mul', ({ x, y }: Pair) => x * y);
  const note = declare('note', ({ value, tag }: { readonly value: unknown; readonly tag: string }) => [value, tag]);

  return {
    app,
    queue,
    /** What the names of these tasks end with. */
    own,
    gate,
    /** A task of this test's own; what its runs are given is logged under its name. */
    task: declare,
    /** What the runs of a task were given, in the order in which they began. */
    seen,
    openGates: (): void => {
      for (const one of gates.values()) one.open();
    },
    add,
    mul,
    note,
    sub: declare('sub', ({ x, y }: Pair) => x - y),
    id: declare('id', (x: number) => x),
    tsum: declare('tsum', (list: readonly number[]) => list.reduce((sum, n) => sum + n, 0)),
    cat: declare('cat', (list: readonly unknown[]) => list),
    echo: declare('echo', (text: string) => text),
    rec: declare('rec', (input: unknown) => input),
    count: declare<unknown, number>('count', () => seen('count').length),
    alarm: declare<CanvasFailure, string>('alarm', () => 'rung'),
    siren: declare<CanvasFailure, string>('siren', () => 'howled'),
    ids: declare('ids', (_: unknown, { id, runId, parentId }): Ids => ({ id, runId: runId ?? null, parentId: parentId ?? null })),
    /** Gives its queue. */
    q: declare('q', (_: unknown, ctx) => ctx.queue),
    /** Gives its priority as `enqueue` takes it; null on a queue without. */
    prio: declare('prio', async (_: unknown, ctx): Promise<number | null> => {
      const job = await app.queue(ctx.queue).getJob(ctx.id.slice(0, ctx.id.lastIndexOf('@')));
      const priority = job?.opts.priority ?? 0;
      return priority === 0 ? null : 10 - priority;
    }),
    fail: declare<unknown, never>('fail', () => {
      throw new Boom('boom');
    }),
    /** Asks for a retry `n` times, then gives `x`. */
    flaky: declare('flaky', ({ x, n }: { readonly x: number; readonly n: number }, ctx) => (ctx.attempt <= n ? ctx.retry() : x), {
      retry: AT_ONCE,
    }),
    alwaysRetry: declare('alwaysRetry', (_: unknown, ctx): never => ctx.retry({ reason: 'never enough' }), { retry: AT_ONCE }),
    /** Waits at a gate, deaf to everything else. */
    slow: declare('slow', async ({ x, gate: name }: Gated) => {
      await gate(name).pass();
      return x;
    }),
    /** Waits at a gate, or until it is told to stop. */
    polite: declare('polite', async ({ x, gate: name }: Gated, { signal }) => {
      await Promise.race([gate(name).pass(), abortOf(signal)]);
      return x;
    }),
    /** Celery's `add.s(y)`. */
    plus: (y: number): Signature<number, number> => add.s({ y }).receive('x'),
    /** Celery's `add.si(x, y)`. */
    sum: (x: number, y: number): Signature<unknown, number> => add.si({ x, y }),
    /** Celery's `mul.s(y)`. */
    times: (y: number): Signature<number, number> => mul.s({ y }).receive('x'),
    /** Celery's `rec.s(tag)`. */
    tagged: (tag: string): Signature<unknown, unknown[]> => note.s({ tag }).receive('value'),
  };
}

function lists<Item>(): (name: string) => Item[] {
  const made = new Map<string, Item[]>();
  return (name) => {
    const list = made.get(name) ?? [];
    made.set(name, list);
    return list;
  };
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
