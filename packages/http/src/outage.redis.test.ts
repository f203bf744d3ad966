import { createApp } from '@oxbow/core';
import { RedisServer, until } from '@oxbow/faults';
import { onRedis, uniqueName } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { post, problemOf, serve } from './testing/stage.ts';

onRedis(() => {
  describe('while the server is away', () => {
    it('answers 503 with Retry-After, and nothing of it is enqueued', async () => {
      const redis = await RedisServer.started();
      onTestFinished(() => redis[Symbol.asyncDispose]());
      const app = createApp({ name: uniqueName(), url: redis.url, connectTimeout: 300, logger: pino({ level: 'silent' }) });
      onTestFinished(() => app.close());
      const task = app.task('echo', { run: (input: unknown) => input });
      const base = await serve(app, { tasks: [task] });
      const start = (input: string, headers?: Record<string, string>) => post(`${base}/tasks/echo`, input, headers);
      const { id } = (await (await start('before')).json()) as { id: string };
      await redis.stop();
      const answers = [await start('lost'), await start('lost', { 'idempotency-key': '"k"' }), await fetch(`${base}/jobs/${id}`)];
      for (const answer of answers) {
        expect(answer.headers.get('retry-after')).toBe('5');
        expect(await problemOf(answer)).toMatchObject({ status: 503, code: 'engine_unavailable' });
      }
      await redis.start();
      await until('a request goes through again', async () => (await start('after', { 'idempotency-key': '"k2"' })).status !== 503);
      const jobs = await app.queue('default').getJobs(['waiting']);
      expect(new Set(jobs.map(({ data }) => /before|lost|after/u.exec(JSON.stringify(data))?.[0]))).toEqual(new Set(['before', 'after']));
      expect(jobs).toHaveLength(2);
    });
  });
});
