import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { Task } from '../client/task.ts';
import { failureOf, resultOf, statusesOf, type Scene } from '../testing/scene.ts';

const HARD = { name: 'HardTimeLimitError', code: 'hard_time_limit' };
const SOFT = { name: 'SoftTimeLimitError', code: 'soft_time_limit' };

/** Runs for longer than its limit, and does not listen. */
const deaf = ({ task, gate }: Scene): Task<unknown, number> =>
  task(
    'deaf',
    async () => {
      await gate('never').pass();
      return 0;
    },
    { timeout: 60 },
  );

/** Gives what its signal says. */
const told = ({ task }: Scene): Task<unknown, never> =>
  task(
    'told',
    (_, { signal }) => new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    { timeout: { soft: 60 } },
  );

/** Time limits in a canvas. */
export function timeLimitCases(scene: () => Scene): void {
  describe('time limits', () => {
    it('36: the error handler of a task, and of a chord whose body it is, starts once', async () => {
      const here = scene();
      const { id, alarm, siren, seen, quiet, gate } = here;
      const limited = deaf(here);
      expect(await failureOf(await limited.si(1).onError(alarm.s()).enqueue())).toMatchObject({ cause: HARD });
      const body = chord(group(id.si(1), id.si(2)), limited.s().onError(alarm.s())).onError(siren.s());
      expect(await failureOf(await body.enqueue())).toMatchObject({ cause: HARD });
      gate('never').open();
      await quiet();
      expect([seen('alarm').length, seen('siren').length]).toEqual([2, 1]);
      expect(seen('alarm')).toMatchObject([{ task: limited.name, error: HARD }, { error: HARD }]);
    });

    it('88b: a step at its hard or soft limit fails the chain, and what follows never runs', async () => {
      const here = scene();
      const { id, rec, alarm, seen, quiet, gate } = here;
      for (const [limited, error] of [
        [deaf(here), HARD],
        [told(here), SOFT],
      ] as const) {
        const run = await chain(id.si(1), limited.s(), rec.s()).onError(alarm.s()).enqueue();
        expect(await failureOf(run)).toMatchObject({ cause: error, task: limited.name });
        expect(await statusesOf(run, [0], [1], [2])).toEqual(['succeeded', 'failed', 'skipped']);
        gate('never').open();
        await quiet();
        expect(seen('alarm')).toMatchObject([{ error }]);
        seen('alarm').length = 0;
      }
      expect(seen('rec')).toEqual([]);
    });
  });

  describe('also: time limits of members', () => {
    it('are failures of members like any other', async () => {
      const here = scene();
      const { id, tsum, seen, quiet } = here;
      const limited = deaf(here);
      expect(await resultOf(chain(group(id.si(1), limited.si(2), id.si(3)).ignore(), tsum.s()).enqueue())).toBe(4);
      expect(await resultOf(group(id.si(1), limited.si(2)).settle().enqueue())).toMatchObject([
        { status: 'succeeded', value: 1 },
        { status: 'failed', error: HARD },
      ]);
      const run = await chain(group(id.si(1), limited.si(2)), tsum.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: HARD });
      await quiet();
      expect(seen('tsum')).toHaveLength(1);
    });

    it('hold for each attempt, so that a retry can succeed and the chain goes on', async () => {
      const { task, tsum, gate } = scene();
      const second = task(
        'second',
        async (_: unknown, ctx) =>
          ctx.attempt === 1
            ? gate('never')
                .pass()
                .then(() => [0])
            : [2, 3],
        {
          timeout: 60,
          retry: { attempts: 2, backoff: () => 0 },
        },
      );
      expect(await resultOf(chain(second.si(null), tsum.s()).enqueue())).toBe(5);
    });
  });
}
