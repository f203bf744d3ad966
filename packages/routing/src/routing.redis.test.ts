import { chain, createApp, type App, type AppOptions } from '@oxbow/core';
import { deleteApp, onRedis, uniqueName } from '@oxbow/faults/suite';
import { expect, it, onTestFinished } from 'vitest';
import { byPriority } from './by-priority.ts';
import { Router } from './router.ts';

const preset = byPriority({ bulk: { priorities: true, limits: { concurrency: 1, rate: { limit: 1000, per: '1s' } } } });

onRedis((engine) => {
  function open(options: Partial<AppOptions> = {}): App {
    const app = createApp({ name: uniqueName(), url: engine.url, logLevel: 'silent', ...options });
    onTestFinished(async () => {
      await app.close();
      await deleteApp(engine, app.name);
    });
    return app;
  }

  it('a router of an app routes enqueues and steps of canvases; workers of the preset run them', async () => {
    const app = open(preset.app);
    const router = new Router({
      queues: preset,
      rules: [
        { name: 'premium', input: { tier: 'gold' }, queue: 'critical' },
        { name: 'reports', task: 'reports.*', queue: 'bulk', priority: 8 },
      ],
      default: 'low',
    });
    const own = app.use(router);
    const order = own.task('order', { ...preset.task.high, run: ({ tier }: { readonly tier: string }) => tier });
    const report = own.task('reports.day', { ...preset.task.bulk, run: (tier: string) => `report for ${tier}` });
    const plain = own.task('plain', { run: (n: number) => n });
    await app.worker({ ...preset.pool }).start();
    const queueOf = (id: string): string => id.slice(id.indexOf('@') + 1);
    const gold = await order.enqueue({ tier: 'gold' });
    const none = await order.enqueue({ tier: 'none' });
    const forced = await order.enqueue({ tier: 'gold' }, { queue: 'low' });
    expect([gold, none, forced, await plain.enqueue(1)].map(({ id }) => queueOf(id))).toEqual(['critical', 'high', 'low', 'low']);
    const run = await chain(order.s(), report.s(), plain.si(7)).enqueue({ tier: 'gold' });
    expect(await run.result()).toBe(7);
    expect([run.member([0]).id, run.member([1]).id, run.id].map(queueOf)).toEqual(['critical', 'bulk', 'low']);
    expect((await app.queue('bulk').getJob(run.member([1]).id.split('@')[0] ?? ''))?.opts.priority).toBe(2);
    expect(router.explain(order, { tier: 'gold' })).toMatchObject({ queue: 'critical', by: 'premium' });
    expect(router.explain(plain, 1)).toMatchObject({ queue: 'low', by: 'default' });
    expect(await gold.result()).toBe('gold');
  });

  it('a router without queues of its own is tested against those of the app when it is installed', () => {
    const router = new Router({ rules: [{ task: 'a', queue: 'critcal' }], default: 'low' });
    expect(() => open(preset.app).use(router)).toThrow(
      expect.objectContaining({ code: 'unknown_queue', message: expect.stringContaining('"critical"') as string }),
    );
    expect(() => open().use(new Router({ rules: [{ task: 'a', queue: 'b' }], default: 'low' }))).toThrow(/which queues there are/u);
  });
});
