import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@oxbow/faults';
import { deleteApp, onRedis, uniqueName } from '@oxbow/faults/suite';
import { describe, expect, it, onTestFinished } from 'vitest';
import type * as isolated from './testing/isolated.fixture.ts';
import { execProbe, ProbedProcess } from './testing/probed-process.ts';

onRedis((engine) => {
  describe('a pod on redis', () => {
    it('answers exec probes, and at its end readyz alone with 503, until its job has ended', async () => {
      const probed = await ProbedProcess.started(engine);
      await until('it is ready', async () => (await probed.get('readyz')).code === 200);
      const ready = await execProbe('readyz', '--socket', probed.path);
      expect(ready).toMatchObject({ code: 0, output: '{"status":"pass","state":"running"}\n' });
      const whole = await execProbe('healthz', '--socket', probed.path, '--verbose');
      expect(JSON.parse(whole.output)).toMatchObject({ workers: [{ state: 'running' }], queues: [{ queue: 'mail' }] });
      probed.tell('enqueue');
      await until('the job runs', () => probed.hasRun);
      probed.terminate();
      await until('it drains', async () => (await probed.get('readyz')).body?.['state'] === 'draining');
      expect([(await probed.get('livez')).code, (await probed.get('readyz')).code]).toEqual([200, 503]);
      expect(await probed.exited).toBe(0);
      expect(await execProbe('livez', '--socket', probed.path)).toMatchObject({ code: 1 });
    });

    it('listens in the process of its worker, and not in the child of an isolated task', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'oxbow-health-'));
      const path = join(folder, 'health.sock');
      const name = uniqueName();
      Object.assign(process.env, { OXBOW_HEALTH_APP: name, OXBOW_HEALTH_URL: engine.url, OXBOW_HEALTH_PATH: path });
      const fixture = new URL('../dist/testing/isolated.fixture.js', import.meta.url).href;
      const { app, url, where } = (await import(fixture)) as typeof isolated;
      onTestFinished(async () => {
        await app.close();
        await deleteApp(engine, name);
        await rm(folder, { recursive: true });
      });
      expect(url).toBe(`unix:${path}`);
      await app.worker().start();
      expect(await (await where.enqueue()).result({ timeout: '20s' })).toBe('');
      expect((await execProbe('livez', '--socket', path)).code).toBe(0);
    });

    it.each([
      [['livez', '--socket', '/nowhere/health.sock'], 1, /ENOENT/u],
      [['lives'], 2, /^usage: oxbow-health/u],
      [['livez', '--timeout', 'soon'], 2, /^usage/u],
    ])('oxbow-health %j ends with %i', async (args, code, output) => {
      const ended = await execProbe(...args);
      expect(ended.code).toBe(code);
      expect(ended.output).toMatch(output);
    });
  });
});
