import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '@oxbow/faults';
import { onEmbedded, uniqueName } from '@oxbow/faults/suite';
import express from 'express';
import { Counter } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMetrics } from './create-metrics.ts';
import { measure, openStage, samples, scrape, work } from './testing/stage.ts';

const promtool = process.env['OXBOW_TEST_PROMTOOL'] ?? '';
/** As Prometheus 2.42 asks. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

onEmbedded((engine) => {
  const stage = openStage(engine);

  const get = async (handler: (request: Request) => Promise<Response>, path: string, method = 'GET'): Promise<Response> =>
    handler(new Request(`http://localhost${path}`, { method }));

  describe('a scrape', () => {
    it('is answered as text, or as OpenMetrics when that is asked for, with the same samples', async () => {
      const { app } = stage;
      const metrics = measure(app, { collect: 'both' });
      const plain = await scrape(metrics);
      const open = await scrape(metrics, PROMETHEUS);
      expect(plain).toContain('# TYPE oxbow_task_enqueued_total counter\n');
      expect(open).toContain('# TYPE oxbow_task_enqueued counter\n');
      expect(open.endsWith('\n# EOF\n')).toBe(true);
      const names = (text: string): readonly string[] =>
        [...new Set(text.split('\n').flatMap((line) => /^(?<name>[a-z]\w*)/u.exec(line)?.groups?.['name'] ?? []))].toSorted();
      expect(names(open)).toEqual(names(plain));
      expect(
        (
          await metrics.handler(
            new Request('http://localhost/metrics', { headers: { accept: 'text/plain, application/openmetrics-text;q=0.2' } }),
          )
        ).headers.get('content-type'),
      ).toMatch(/^text\/plain/u);
    });

    it.skipIf(promtool === '')('is clean by promtool, with and without exemplars', async () => {
      const { app } = stage;
      const queue = uniqueName();
      const task = app.task(`checked-${queue}`, { queue, run: () => null });
      for (const exemplars of [false, true]) {
        const metrics = measure(app, { collect: 'both', defaultMetrics: true, exemplars, errors: [] });
        await work(app, queue);
        await (await task.enqueue()).result();
        const { status, stderr, stdout } = spawnSync(promtool, ['check', 'metrics'], { input: await scrape(metrics), encoding: 'utf8' });
        expect([status, stderr, stdout]).toEqual([0, '', '']);
      }
    });

    it('has one answer to each path and method', async () => {
      const { app } = stage;
      const metrics = measure(app, { collect: 'both', queues: ['known'], basePath: '/ops' });
      const asked = async (path: string, method?: string): Promise<number> => (await get(metrics.handler, path, method)).status;
      expect(
        await Promise.all(
          ['/ops/metrics', '/ops/autoscale/known', '/metrics', '/ops', '/ops/autoscale/unknown', '/ops/autoscale/a/b'].map(async (path) =>
            asked(path),
          ),
        ),
      ).toEqual([200, 200, 404, 404, 404, 404]);
      expect(await asked('/ops/metrics', 'HEAD')).toBe(200);
      const refused = await get(metrics.handler, '/ops/metrics', 'POST');
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(await asked('/ops/autoscale/known?target=0')).toBe(400);
      expect(await (await get(metrics.handler, '/ops/autoscale/known')).json()).toMatchObject({
        backlog: 0,
        workers: 0,
        target: null,
        replicas: null,
      });
      const local = measure(app, { collect: 'process' });
      expect((await get(local.handler, '/autoscale/known')).status).toBe(404);
    });

    it('reads the engine once for all who ask at a time, and again when that is too old', async () => {
      const { app } = stage;
      const cached = measure(app, { collect: 'cluster', queues: ['cached'], cacheMs: 60_000 });
      const all = await Promise.all(Array.from({ length: 20 }, async () => scrape(cached)));
      expect(new Set(all).size).toBe(1);
      await app.queue('cached').add('job', {});
      expect(await scrape(cached)).toBe(all[0]);
      expect(samples(await scrape(measure(app, { collect: 'cluster', queues: ['cached'] })), 'queue_backlog_jobs')).toEqual([
        '{queue="cached"} 1',
      ]);
    });

    it('is there in a server of its own, and below Express', async () => {
      const { app } = stage;
      const metrics = measure(app, { basePath: '/ops' });
      const own = await metrics.listen({ port: 0 });
      expect(own.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/u);
      expect((await fetch(`${own.url}/ops/metrics`)).headers.get('content-type')).toMatch(/^text\/plain/u);
      expect((await fetch(`${own.url}/`)).status).toBe(404);
      await own.close();
      await expect(fetch(`${own.url}/ops/metrics`)).rejects.toThrow('fetch failed');
      const mounted = createServer(express().use('/ops', metrics.listener)).listen(0, '127.0.0.1');
      onTestFinished(() => void mounted.close());
      await until('it listens', () => mounted.listening);
      const { port } = mounted.address() as AddressInfo;
      expect(await (await fetch(`http://127.0.0.1:${port}/ops/metrics`)).text()).toContain('oxbow_build_info{');
      await expect(metrics.listen({ prot: 1 } as never)).rejects.toMatchObject({ code: 'invalid_options' });
      const late = metrics.listen({ port: 0 });
      await metrics.close();
      await expect(late).rejects.toMatchObject({ code: 'closed' });
      await expect(metrics.listen()).rejects.toMatchObject({ code: 'closed' });
    });
  });

  describe('the registry', () => {
    it('is one for each call, and takes metrics of yours', async () => {
      const { app } = stage;
      const [one, other] = [measure(app, { namespace: 'shop' }), measure(app)];
      new Counter({ name: 'orders_total', help: 'Orders.', registers: [one.registry] }).inc(3);
      expect(await scrape(one)).toMatch(/^shop_build_info\{[^}]+\} 1$[^]*^orders_total 3$/mu);
      expect(await scrape(other)).not.toContain('orders_total');
    });

    it('has so many names of tasks and queues, and says once that there are more', async () => {
      const { app, log } = stage;
      const metrics = measure(app, { taskLimit: 2 });
      const queue = uniqueName();
      const tasks = Array.from({ length: 5 }, (_, n) => app.task(`many-${n}-${queue}`, { queue, run: () => null }));
      for (const task of tasks) await task.enqueue();
      const created = samples(await scrape(metrics), 'task_enqueued_total', `queue="${queue}"`, 'outcome="created"');
      expect(created.filter((line) => !line.endsWith(' 0'))).toEqual([
        `{queue="${queue}",task="many-0-${queue}",outcome="created"} 1`,
        `{queue="${queue}",task="many-1-${queue}",outcome="created"} 1`,
        `{queue="${queue}",task="other",outcome="created"} 3`,
      ]);
      expect(log.filter((line) => line.includes('label \\"task\\"'))).toHaveLength(1);
    });

    it('has no more of an app that is told to stop', async () => {
      const { app } = stage;
      const metrics = measure(app);
      const queue = uniqueName();
      const task = app.task(`stopped-${queue}`, { queue, run: () => null });
      await task.enqueue();
      await metrics.close();
      await task.enqueue();
      expect(samples(await scrape(metrics), 'task_enqueued_total', task.name, 'created')).toEqual([
        `{queue="${queue}",task="${task.name}",outcome="created"} 1`,
      ]);
    });

    it('refuses options that are wrong, and what is no app', () => {
      const { app } = stage;
      for (const options of [
        { colect: 'both' },
        { collect: 'all' },
        { namespace: '1x' },
        { taskLimit: 0 },
        { queues: ['a:b'] },
        { buckets: { duration: ['1'] } },
        { basePath: 'ops/' },
      ])
        expect(() => createMetrics(app, options as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
      expect(() => createMetrics({} as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    });
  });
});
