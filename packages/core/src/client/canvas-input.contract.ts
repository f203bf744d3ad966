import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import type { TestEngine } from '../testing/engines.ts';
import { stages } from '../testing/with-app.ts';

/** What a canvas is refused for, before anything is enqueued. */
export function canvasInputContract(engine: TestEngine): void {
  describe(`the input of a canvas on ${engine.kind}`, () => {
    const stage = stages(engine);

    it('is checked by the schemas of all tasks whose input is known, and then nothing is enqueued', async () => {
      const { app, queue, name } = stage();
      const even = z.number().refine(async (n) => Promise.resolve(n % 2 === 0), 'odd');
      const order = app.task(name('order'), { queue, input: z.object({ id: z.string(), n: z.number() }), run: ({ n }) => n });
      const half = app.task(name('half'), { queue, input: even, run: (n) => n / 2 });
      const refused = async (run: Promise<unknown>, task: string, path = ''): Promise<void> => {
        await expect(run).rejects.toMatchObject({
          code: 'invalid_input',
          message: expect.stringContaining(name(task)) as string,
          issues: [expect.objectContaining({ path })],
        });
      };
      await refused(chain(order.s({ id: 'a' }), half.s()).enqueue({ n: '1' as never }), 'order', 'n');
      await refused(chain(order.s()).enqueue(undefined as never), 'order');
      await refused(group(order.si({ id: 'a', n: 1 }), half.si(1)).enqueue(), 'half');
      await refused(chain(half.si(2), half.s(), half.si(3)).enqueue(), 'half');
      await refused(half.chunks([2, 4, 5], 2).enqueue(), 'half');
      await refused(chain(half.si(2)).link(half.si(3)).enqueue(), 'half');
      expect(await app.queue(queue).getJobCounts()).toMatchObject({ waiting: 0, 'waiting-children': 0, delayed: 0 });
      await expect(chain(order.s({ id: 'a' }), half.s()).enqueue({ n: 1 })).resolves.toMatchObject({ id: expect.any(String) as string });
    });
  });
}
