import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { operate } from '../operate.ts';
import type { TestEngine } from '../testing/engines.ts';
import type * as fixtureModule from '../testing/isolated.fixture.ts';
import { entries } from '../testing/ledger.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, recordSignals, uniqueName } from '../testing/with-app.ts';

type Fixture = typeof fixtureModule;
type Kind = keyof Fixture['tasks'];

/**
 * Tasks that run in processes and threads of their own. One app and one worker, whose children are used again; a child that dies costs the start
 * of another, so all cases are for one engine, and those that touch the engine for the others.
 */
export function isolationContract(engine: TestEngine, { kinds, all }: { readonly kinds: readonly Kind[]; readonly all: boolean }): void {
  let fixture: Fixture;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oxbow-test-'));
    process.env['OXBOW_ISOLATED'] = JSON.stringify({ app: uniqueName('isolated'), url: engine.url, ledger: join(folder, 'ledger') });
    // It makes its app when it is loaded, and suites of other engines may have loaded it in this process.
    vi.resetModules();
    fixture = await import('../testing/isolated.fixture.ts');
  });
  afterAll(async () => {
    await fixture.app.close();
    if (engine.kind !== 'embedded') await deleteKeys(engine.url, fixture.app.name);
    await rm(folder, { recursive: true, force: true });
  });

  for (const kind of kinds) {
    describe(`a task in a ${kind} of its own`, () => {
      engineCases(kind);
      if (!all) return;
      childCases(kind);
      if (kind === 'thread') threadCases();
      else processCases();
    });
  }

  it(`is killed at the hard deadline of a drain, and put back without using an attempt${all ? '; one with nothing to do disposes of its deps' : ''}`, async () => {
    const { tasks, worker, app } = fixture;
    const kind = kinds.at(-1) as Kind;
    const handle = await tasks[kind].endless.enqueue();
    const pid = await pidOf(handle.id);
    const idle = all ? [String(await (await tasks[kind].pid.enqueue()).result())] : [];
    // Children load the module that makes the worker, and are none.
    expect((await app.fleet.workers()).map(({ id }) => id)).toEqual([worker.state.id]);
    const ended = recordSignals(app, 'task:failed');
    const before = entries(join(folder, 'ledger'), 'shutdown').length;
    expect(await worker.drain()).toEqual({ orphans: [handle.id] });
    expect(await handle.status()).toMatchObject({ status: 'waiting', attempt: 0 });
    if (kind === 'process') await untilGone(pid);
    expect(ended).toEqual([]);
    expect(entries(join(folder, 'ledger'), 'shutdown').slice(before)).toEqual(idle);
  });

  function engineCases(kind: Kind): void {
    it('has its context there, and its input in the output form', async () => {
      const { tasks } = fixture;
      const handle = await tasks[kind].whole.enqueue({ at: '2026-11-22T10:00:00Z' }, { headers: { h: '1' } });
      const result = await handle.result();
      expect(result).toMatchObject({
        year: 2026,
        isDate: true,
        deps: { startedBy: result.pid },
        about: [handle.id, `${kind}-whole`, kind, 1, { h: '1' }, null],
        aborted: false,
      });
      expect(result.pid === process.pid).toBe(kind === 'thread');
      expect(fixture.logged).toContainEqual(
        expect.objectContaining({ level: 40, msg: 'hello', from: 'child', task: `${kind}-whole`, job: handle.id, attempt: 1 }),
      );
      expect(await handle.status()).toMatchObject({
        state: 'LOOKING',
        history: [{ state: 'LOOKING', meta: { pid: result.pid } }],
        progress: { done: 1, total: 2 },
      });
    });

    it('is used again for the next job', async () => {
      const { pid } = fixture.tasks[kind];
      const first = await (await pid.enqueue()).result();
      expect(await (await pid.enqueue()).result()).toBe(first);
    });

    it('is stopped at its hard limit inside an endless loop, and leaves nothing behind', async () => {
      const { tasks, app } = fixture;
      const overruns = recordSignals(app, 'task:overrun');
      await expect((await tasks[kind].loop.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'hard_time_limit' } });
      await until('no child overruns', () =>
        operate(app)
          .workers()
          .every(({ overruns: all }) => all.length === 0),
      );
      expect(overruns).toEqual([]);
      expect(await (await tasks[kind].double.enqueue(4)).result()).toBe(8);
    });

    it('is really ended by cancel({ terminate: true })', async () => {
      const { endless } = fixture.tasks[kind];
      const handle = await endless.enqueue();
      const pid = await pidOf(handle.id);
      await handle.cancel({ terminate: true });
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled' });
      if (kind === 'process') await untilGone(pid);
    });

    it('enqueues through its context, as within its attempt, and has no engine of its own', async () => {
      const { tasks, app } = fixture;
      const handle = await tasks[kind].enqueues.enqueue();
      const { refused, ids, wrong, background } = await handle.result();
      expect([refused, wrong, background]).toEqual(['isolated', 'serialization', 'isolated']);
      expect(ids.map((id) => fixture.enqueuedIn.get(id))).toEqual([handle.id, handle.id]);
      expect(await Promise.all(ids.map((id) => app.handle(id).result()))).toEqual([20, 30]);
    });

    it('has steps that are on record once, and the fence of its lock', async () => {
      expect(await (await fixture.tasks[kind].steps.enqueue()).result()).toEqual({
        twice: ['one of attempt 1', 'one of attempt 1'],
        failed: 'not yet',
        other: 'two of attempt 2',
        hasFence: true,
      });
    });

    it('can be replaced, mapped, and joined', async () => {
      const { replaces, double } = fixture.tasks[kind];
      expect(await (await replaces.enqueue(1)).result()).toBe(20);
      expect(await (await double.map([1, 2, 3]).enqueue()).result()).toEqual([2, 4, 6]);
      const { chain, group } = await import('../index.ts');
      expect(await (await chain(double.si(1), group(double.s(), fixture.plain.s())).enqueue()).result()).toEqual([4, 20]);
    });
  }

  function childCases(kind: Kind): void {
    it('is told of its soft limit, and of a cancel', async () => {
      const { tasks } = fixture;
      const { soft, polite } = tasks[kind];
      expect(await (await soft.enqueue()).result()).toBe('SoftTimeLimitError');
      const handle = await polite.enqueue();
      await until('it runs', async () => (await handle.status()).state === 'ON');
      await handle.cancel('enough');
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: 'enough' } });
    });

    it('has no deps of the worker: its own startup makes them, and without one they are refused', async () => {
      const { bare, unready } = fixture.tasks[kind];
      await expect((await bare.enqueue()).result()).rejects.toMatchObject({
        cause: { code: 'isolated', message: expect.stringContaining(`"${kind}-bare"`) as string },
      });
      await expect((await unready.enqueue()).result()).rejects.toMatchObject({
        cause: { code: 'startup_failed', cause: { name: 'OwnError', message: 'no pool' } },
      });
    });

    it('is stopped when it does not beat, and tried again with its last beat', async () => {
      expect(await (await fixture.tasks[kind].silent.enqueue()).result()).toBe('beat');
    });

    it('has its errors judged by its classes, and its words understood', async () => {
      const { fails, bad } = fixture.tasks[kind];
      expect(await (await fails.enqueue('own')).result()).toBe(3);
      expect(await (await fails.enqueue('retry')).result()).toBe(3);
      for (const [how, error] of [
        ['other', { name: 'RangeError', message: 'other' }],
        ['final', { name: 'NonRetryableError', code: 'non_retryable' }],
      ] as const) {
        const handle = await fails.enqueue(how);
        await expect(handle.result()).rejects.toMatchObject({ cause: error });
        expect(await handle.status()).toMatchObject({ attempt: 1 });
      }
      await expect((await bad.enqueue()).result()).rejects.toMatchObject({
        cause: { code: 'serialization', message: expect.stringContaining('result.at') as string },
      });
    });
  }

  function threadCases(): void {
    it('fails the attempt when an error is thrown that nobody catches', async () => {
      const { crashes } = fixture.tasks.thread;
      await expect((await crashes.enqueue()).result()).rejects.toMatchObject({
        cause: { name: 'IsolatedTaskDiedError', code: 'isolated_task_died', cause: { name: 'RangeError', message: 'nobody catches me' } },
      });
    });
  }

  function processCases(): void {
    it('fails the attempt when it dies, names code or signal, and the worker lives on', async () => {
      const { exits, endless, double } = fixture.tasks.process;
      await expect((await exits.enqueue()).result()).rejects.toMatchObject({
        cause: { name: 'IsolatedTaskDiedError', code: 'isolated_task_died', message: expect.stringContaining('code 3') as string },
      });
      const handle = await endless.enqueue();
      process.kill(await pidOf(handle.id), 'SIGKILL');
      await expect(handle.result()).rejects.toMatchObject({ cause: { message: expect.stringContaining('SIGKILL') as string } });
      expect(await (await double.enqueue(1)).result()).toBe(2);
    });
  }

  /** As the heartbeat of `endless` tells it. */
  async function pidOf(id: string): Promise<number> {
    const [job = '', queue = ''] = id.split('@');
    return until('it runs', async () => {
      const progress = (await fixture.app.queue(queue).getJob(job))?.progress as { readonly hb?: number } | 0 | undefined;
      return progress === 0 ? undefined : progress?.hb;
    });
  }
}

/** Also when nobody has asked for its exit code. */
export function untilGone(pid: number): Promise<boolean> {
  return until(`process ${pid} has ended`, () => {
    try {
      process.kill(pid, 0);
      return existsSync('/proc/self/stat') && / [ZX] /u.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return true;
    }
  });
}
