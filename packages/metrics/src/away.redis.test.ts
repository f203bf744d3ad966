import { createApp } from '@oxbow/core';
import { RedisServer, until } from '@oxbow/faults';
import { onRedis, uniqueName } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { measure, samples, scrape } from './testing/stage.ts';

onRedis(() => {
  describe('metrics of an engine that is away', () => {
    it('are those of the last reading, say when that was, and that it does not answer; nobody is told to scale by them', async () => {
      const redis = await RedisServer.started();
      onTestFinished(() => redis[Symbol.asyncDispose]());
      const app = createApp({ name: uniqueName(), url: redis.url, connectTimeout: 200, logger: pino({ level: 'silent' }) });
      onTestFinished(() => app.close());
      await app.queue('work').add('job', {});
      const metrics = measure(app, { collect: 'cluster', queues: ['work'] });
      const scale = async (): Promise<number> => (await metrics.handler(new Request('http://localhost/autoscale/work'))).status;
      const seen = async (): Promise<object> => {
        const text = await scrape(metrics);
        const value = (family: string): number => Number(samples(text, family)[0]?.split(' ').at(-1));
        return { backlog: value('queue_backlog_jobs'), up: value('store_up'), readAt: value('exporter_last_success_timestamp_seconds') };
      };
      const before = await seen();
      expect(before).toMatchObject({ backlog: 1, up: 1 });
      await redis.stop();
      await until('it is noticed', async () => ((await seen()) as { up: number }).up === 0);
      const last = (await seen()) as { readAt: number };
      expect(last).toMatchObject({ backlog: 1, up: 0 });
      expect(last.readAt).toBeLessThan(Date.now() / 1000);
      expect(await scale()).toBe(503);
      expect(Number(samples(await scrape(metrics), 'exporter_errors_total')[0])).toBeGreaterThan(0);
      await redis.start();
      await until('it is back', async () => ((await seen()) as { up: number }).up === 1);
      expect(await scale()).toBe(200);
    });
  });
});
