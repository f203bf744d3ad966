import { chain } from '@oxbow/core';
import { onRedis } from '@oxbow/faults/suite';
import { describe, expect, it } from 'vitest';
import { parts, processed, spans, withSdk } from './testing/spans.ts';
import { tracedApp } from './testing/traced-app.ts';

onRedis((engine) => {
  describe('a group that is added in parts, by jobs of Oxbow’s own', () => {
    withSdk();

    it('stays in the traces of its run, also where it is the run’s end', async () => {
      const app = tracedApp(engine);
      const list = app.task('list', { run: (): null => null });
      const item = app.task('item', { run: (n: number) => n });
      await app.worker({ queues: { default: 50 } }).start();
      const run = await chain(
        list.s(),
        item.chunks(
          Array.from({ length: 1101 }, (_, n) => n),
          1,
        ),
      ).enqueue();
      expect(await run.result()).toHaveLength(1101);
      await app.close();
      expect(processed('item')).toHaveLength(1101);
      expect(processed().filter(({ links }) => links.length !== 1)).toEqual([]);
      expect(parts(spans())).toBe(1);
    });
  });
});
