import { describe, expect, it } from 'vitest';
import type { App } from '../app.ts';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { DeadlockError, ResultTimeoutError } from '../errors.ts';
import { failureOf, resultOf, valueAt, type Scene } from '../testing/scene.ts';
import { tinyTasks } from '../testing/tiny-tasks.ts';
import { elsewhere, startWorker, withApp } from '../testing/with-app.ts';

/** What handles tell, here and elsewhere. */
export function resultCases(scene: () => Scene): void {
  describe('results', () => {
    it('79: waiting for a run inside a task is refused', async () => {
      const { sum, task } = scene();
      const waits = task('waits', async () => (await sum(1, 1).enqueue()).result());
      expect(await failureOf(await waits.si(undefined).enqueue())).toMatchObject({ cause: { name: DeadlockError.name, code: 'deadlock' } });
    });

    it('80: a failed run says so, with its error', async () => {
      const { fail } = scene();
      const run = await fail.si().enqueue();
      const error = (await failureOf(run)) as { readonly cause: Error };
      expect(error.cause.stack).toContain('tiny-tasks.ts');
      expect(await run.status()).toMatchObject({ id: run.id, status: 'failed', error: { name: 'Boom', message: 'boom' } });
    });

    it('81: a run that nobody knows is an error; a wait that is too short ends while the run goes on', async () => {
      const { app, queue, slow, gate, seen, id } = scene();
      await expect(app.run(`nobody@${queue}`).result()).rejects.toMatchObject({ code: 'unknown_job' });
      await expect(app.run(`nobody@${queue}`).status()).rejects.toMatchObject({ code: 'unknown_job' });
      const run = await chain(slow.si({ x: 1, gate: 'later' }), id.s()).enqueue();
      await expect(run.result({ timeout: 1 })).rejects.toBeInstanceOf(ResultTimeoutError);
      gate('later').open();
      expect(await run.result()).toBe(1);
      expect(seen('slow')).toHaveLength(1);
    });

    it('82: a task may enqueue another one, which has a run of its own', async () => {
      const { app, add, task, quiet, seen } = scene();
      const parent = task('parent', async (x: number, ctx) => {
        const child = await ctx.enqueue(add, { x, y: 1 });
        return child.id;
      });
      const child = await resultOf(parent.s().enqueue(5));
      expect(await app.handle(child).result()).toBe(6);
      await quiet();
      expect(seen('add')).toEqual([{ x: 5, y: 1 }]);
    });

    it('82: the id of a run leads to all of its jobs', async () => {
      const { app, engine, id, plus, tsum } = scene();
      const run = await chain(id.si(1), group(plus(1), plus(2)), tsum.s()).enqueue();
      await run.result();
      const far = elsewhere(engine, app).run<number>(JSON.parse(JSON.stringify(run.id)) as string);
      expect(await far.result()).toBe(5);
      expect(await Promise.all([[0], [1, 0], [1, 1], [2]].map((path) => valueAt(far, path)))).toEqual([1, 2, 3, 5]);
      const leaf = (task: { readonly name: string }): unknown =>
        expect.objectContaining({ type: 'task', task: task.name, status: 'succeeded' });
      expect(await far.tree()).toMatchObject({ type: 'chain', status: 'succeeded', children: [leaf(id), { type: 'group' }, leaf(tsum)] });
    });

    it('62: a body gets the results of a header that are not kept', async () => {
      const app = withApp(scene().engine, FORGETFUL);
      const { sum, tsum } = tinyTasks(app, 'work');
      expect(await awaited(app, [await chord([sum(1, 1), sum(2, 2)], tsum.s()).enqueue()])).toEqual([6]);
    });

    it('63: a result that is not kept reaches who waits for it, and the step that follows', async () => {
      const app = withApp(scene().engine, FORGETFUL);
      const { sum, plus } = tinyTasks(app, 'work');
      expect(await awaited(app, [await chain(sum(1, 1), plus(5)).enqueue()])).toEqual([7]);
    });

    it('82c: nor does a task alone lose it', async () => {
      const app = withApp(scene().engine, FORGETFUL);
      const { id, rec } = tinyTasks(app, 'work');
      expect(await awaited(app, [await id.enqueue(1), await rec.enqueue(undefined)])).toEqual([1, null]);
    });

    it('82d: the list of a group can be had by its id elsewhere', async () => {
      const { app, engine, id } = scene();
      const run = await group(id.si(1), id.si(2), group(id.si(3))).enqueue();
      const far = elsewhere(engine, app).run(run.id);
      expect(await far.result()).toEqual([1, 2, [3]]);
      expect(await run.result()).toEqual([1, 2, [3]]);
    });
  });
}

/** Keeps nothing that has succeeded. */
const FORGETFUL = { retention: { succeeded: { count: 0 } } } as const;

interface Awaited {
  changes(): AsyncGenerator<unknown, void, undefined>;
  result(): Promise<unknown>;
}

/** What comes of them when they are run after somebody has begun to wait: who has a first change hears of all later ones. */
async function awaited(app: App, handles: readonly Awaited[]): Promise<readonly unknown[]> {
  const changes = handles.map((handle) => handle.changes());
  await Promise.all(changes.map((each) => each.next()));
  const results = handles.map((handle) => handle.result());
  await startWorker(app, { queues: { work: 5 } });
  const values = await Promise.all(results);
  await Promise.all(changes.map((each) => each.return()));
  return values;
}
