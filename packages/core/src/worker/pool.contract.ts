import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Turnstile } from '../testing/turnstile.ts';
import { until } from '../testing/until.ts';
import { stages, startWorker } from '../testing/with-app.ts';

const WEIGHTS = { high: 4, low: 2, bulk: 1 };
type Name = keyof typeof WEIGHTS;
const NAMES = Object.keys(WEIGHTS) as readonly Name[];

/** One pool of slots over several queues. */
export function poolContract(engine: TestEngine): void {
  const stage = stages(engine);

  /** Queues of 4 : 2 : 1 on a pool of 7 slots, and a way into and out of each. */
  async function pooled() {
    const { app, queue, name } = stage();
    const every = new Turnstile();
    const each = Object.fromEntries(NAMES.map((which) => [which, new Turnstile()])) as Record<Name, Turnstile>;
    const tasks = Object.fromEntries(
      NAMES.map((which) => {
        const run = (): Promise<void> => every.around(() => each[which].pass());
        return [which, app.task(name(which), { queue: `${queue}-${which}`, run })];
      }),
    ) as unknown as Record<Name, { enqueueMany(inputs: readonly undefined[]): Promise<readonly { result(): Promise<unknown> }[]> }>;
    const queues = Object.fromEntries(NAMES.map((which) => [`${queue}-${which}`, WEIGHTS[which]]));
    const worker = await startWorker(app, { pool: { slots: 7, queues } });
    return {
      worker,
      every,
      each,
      inside: () => NAMES.map((which) => each[which].inside),
      slots: () => NAMES.map((which) => worker.state.queues[`${queue}-${which}`]),
      fill: (which: Name, count: number) => tasks[which].enqueueMany(Array.from({ length: count }, () => undefined)),
      /** One after another, each of so many jobs that run. */
      async end(which: Name, count: number): Promise<void> {
        const { entered } = every;
        for (let n = 0; n < count; n++) {
          each[which].let(1);
          await until('another job has started', () => every.entered > entered + n);
        }
      },
    };
  }

  describe('a pool', () => {
    it('lends slots to a queue with a backlog, and gives each queue its share when all have one', async () => {
      const { worker, every, each, inside, slots, fill, end } = await pooled();
      const handles = [...(await fill('bulk', 20))];
      await until('bulk has all but one slot of each other queue', () => each.bulk.inside === 5);
      expect(slots()).toEqual([1, 1, 5]);
      handles.push(...(await fill('high', 20)));
      await until('high has a slot at once', () => each.high.inside === 1);
      handles.push(...(await fill('low', 20)));
      await until('low has one, too', () => each.low.inside === 1);
      await until('bulk is to have its share only', () => slots()[2] === 1);
      await end('bulk', 4);
      expect(inside()).toEqual([4, 2, 1]);
      await end('high', 3);
      expect(inside()).toEqual([4, 2, 1]);
      expect(worker.describe().queues).toEqual(worker.state.queues);
      expect(() => worker.resize(Object.keys(worker.state.queues)[0] ?? '', 2)).toThrow(/pool/u);
      for (const which of NAMES) each[which].open();
      await Promise.all(handles.map((handle) => handle.result()));
      expect(every.most).toBe(7);
    });
  });
}
