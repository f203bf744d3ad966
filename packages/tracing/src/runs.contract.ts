import { chain, group, type Task } from '@oxbow/core';
import { until } from '@oxbow/faults';
import type { TestEngine } from '@oxbow/faults/suite';
import { describe, expect, it } from 'vitest';
import { parts, processed, published, spans, ties, withSdk } from './testing/spans.ts';
import { tracedApp } from './testing/traced-app.ts';

type Any = Task<unknown, unknown>;

/** That no job of a run falls out of what is traced, whoever enqueues it. */
export function runsContract(engine: TestEngine): void {
  describe('the traces of a run', () => {
    withSdk();

    it('are one set: every attempt links to the span that has enqueued it, and that is inside the attempt before it', async () => {
      const app = tracedApp(engine);
      const [a, b, c, later, linked, told] = ['a', 'b', 'c', 'later', 'linked', 'told'].map((name) =>
        app.task(name, { run: (given: unknown) => given }),
      ) as [Any, Any, Any, Any, Any, Any];
      const d = app.task('d', {
        retry: { attempts: 2, backoff: { type: 'fixed', delay: 1 } },
        idempotency: 'natural',
        run: async (given: unknown, ctx) => {
          if (ctx.attempt === 1) throw new Error('once more');
          await ctx.enqueue(later, given);
          return given;
        },
      });
      const replaced = app.task('replaced', { run: (given: unknown, ctx) => ctx.replace(chain(b.si(given), c.s())) });
      const fails = app.task('fails', {
        run: (): unknown => {
          throw new Error('no');
        },
      });
      await app.worker({ queues: { default: 4 } }).start();
      const run = await chain(a.s(), group(b.s(), c.s()), d.s().link(linked.s()), replaced.s()).enqueue(1);
      expect(await run.result()).toEqual([1, 1]);
      await expect((await chain(a.s(), fails.s()).onError(told.s()).enqueue(2)).result()).rejects.toMatchObject({ code: 'task_failed' });
      await until('all has run', () => ['later', 'linked', 'told'].every((name) => processed(name).length === 1));
      await app.close();

      const runs = processed();
      expect(runs.map(({ attributes }) => String(attributes['oxbow.task'])).toSorted()).toEqual(
        ['a', 'a', 'b', 'b', 'c', 'c', 'd', 'd', 'fails', 'later', 'linked', 'replaced', 'told'].toSorted(),
      );
      expect(runs.filter(({ links }) => links.length !== 1)).toEqual([]);
      // Two runs, and nobody's span around their enqueues.
      expect(parts(spans())).toBe(2);
      // With the two members comes their join.
      const inside = processed('a').flatMap((before) => published().filter((span) => ties(span).includes(before.spanContext().spanId)));
      expect(inside.map(({ attributes }) => attributes['messaging.batch.message_count'])).toEqual([3]);
      const ofRun = runs.filter(({ attributes }) => attributes['oxbow.run_id'] === run.id);
      expect(ofRun.map(({ attributes }) => String(attributes['oxbow.task'])).toSorted()).toEqual([
        'a',
        'b',
        'b',
        'c',
        'c',
        'd',
        'd',
        'replaced',
      ]);
      expect(new Set(runs.map((span) => span.spanContext().traceId)).size).toBe(runs.length);
    });
  });
}
