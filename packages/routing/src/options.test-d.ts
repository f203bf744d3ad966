import { createApp } from '@oxbow/core';
import { expectTypeOf, it } from 'vitest';
import { byLatency, byPriority, createPreset, pick, Router } from './index.ts';

const preset = byPriority();
const app = createApp({ name: 'types', ...preset.app });

it('an unknown queue does not compile', () => {
  // @ts-expect-error -- no such queue
  byPriority({ critcal: { slots: 1 } });
  // @ts-expect-error -- no such queue
  byLatency({ within_2_seconds: { slots: 1 } });
  // @ts-expect-error -- no such queue
  app.task('a', { ...preset.task.critcal, run: () => 1 });
  // @ts-expect-error -- no such queue
  pick(preset, 'critcal');
  // @ts-expect-error -- no such queue
  void new Router({ queues: preset, rules: [{ task: 'a', queue: 'critcal' }], default: 'low' });
  // @ts-expect-error -- no such queue
  void new Router({ queues: preset, rules: [{ task: 'a', queue: 'critical' }], default: 'lwo' });
  // @ts-expect-error -- no such queue
  void new Router({ queues: preset, rules: [{ when: () => true, queue: () => 'critcal' }], default: 'low' });
  // @ts-expect-error -- no such queue
  void new Router({ queues: ['a', 'b'], rules: [{ task: 'a', queue: 'c' }], default: 'a' });
  expectTypeOf(preset.names[0]).toEqualTypeOf<'critical' | 'high' | 'default' | 'low' | 'bulk' | undefined>();
  // @ts-expect-error -- a default is required
  void new Router({ queues: preset, rules: [{ task: 'a', queue: 'low' }] });
});

it('a preset spreads into an app, its workers and its tasks, and a router is a policy', () => {
  app.use(
    new Router({
      queues: preset,
      rules: [{ input: (input: { readonly pages: number }) => input.pages > 9, queue: 'bulk' }],
      default: 'low',
    }),
  );
  app.worker({ ...preset.worker });
  app.worker({ ...pick(preset, 'critical', 'high').pool });
  const task = app.task('a', { ...preset.task.bulk, run: (n: number) => n });
  expectTypeOf(task.enqueue).parameter(0).toEqualTypeOf<number>();
  expectTypeOf(pick(preset, 'critical').worker.queues).toEqualTypeOf<Readonly<Record<'critical', number>>>();
  expectTypeOf(createPreset({ a: { slots: 1, weight: 1 } }).names).toEqualTypeOf<readonly 'a'[]>();
});
