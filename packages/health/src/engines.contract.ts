import { createApp } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { deleteApp, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHealth } from './create-health.ts';
import { get } from './testing/stage.ts';

/** What is the same on every engine. */
export function enginesContract(engine: TestEngine): void {
  describe('the health of an app', () => {
    it('is that of a producer until it has a worker, shows what the whole app does, and ends with the app', async () => {
      const app = createApp({ name: uniqueName(), url: engine.url, logger: pino({ level: 'silent' }) });
      onTestFinished(() => app.close());
      onTestFinished(() => deleteApp(engine, app.name));
      const mail = app.task('mail', { queue: 'mail', run: () => null });
      const health = createHealth(app, {
        allowVerbose: true,
        queues: ['mail', 'other'],
        version: '1.4.0',
        storeCacheMs: 1,
        storeTimeoutMs: 20_000,
      });
      // Nothing has been opened: the probes do it.
      expect(await health.check('livez')).toMatchObject({ status: 'pass', state: 'starting' });
      expect(await get(health, '/startupz')).toMatchObject({ code: 200, body: { status: 'pass', state: 'running' } });
      expect(await get(health, '/readyz')).toEqual({ code: 200, body: { status: 'pass', state: 'running' } });
      await mail.enqueue(null);
      await mail.enqueue(null, { delay: '1h' });

      const { body } = await get(health, '/healthz?verbose');
      expect(body).toMatchObject({
        status: 'pass',
        version: '1.4.0',
        checks: { engine: { kind: engine.kind, status: 'pass' }, store: { status: 'pass', writeOk: true } },
        drain: { deadline: null, remaining: 0 },
        queues: [
          { queue: 'mail', jobs: { waiting: 1, delayed: 1 } },
          { queue: 'other', jobs: { waiting: 0 } },
        ],
        workers: [],
      });
      expect(JSON.stringify(body)).not.toContain('OXBOW');

      const worker = app.worker({ queues: { mail: 3 } });
      expect((await get(health, '/startupz')).body).toEqual({ status: 'fail', state: 'starting', failed: ['worker'] });
      expect((await get(health, '/readyz')).code).toBe(503);
      await worker.start();
      await until('its first fetch is answered', async () => (await get(health, '/startupz')).code === 200);
      await until('its beat is heard', async () => (await get(health, '/readyz')).code === 200);
      const { workerId, checks, workers } = await health.check();
      expect(checks).toMatchObject({ inFlight: { slots: 3 }, clock: { status: 'pass' }, registration: { status: 'pass' } });
      expect(workers?.map(({ id }) => id)).toEqual([workerId]);

      const { url } = await health.listen({ port: 0 });
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      await app.close();
      await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed');
      expect(await health.check('readyz')).toMatchObject({ status: 'fail', state: 'stopped' });
      await expect(health.listen()).rejects.toMatchObject({ code: 'closed' });
    });
  });
}
