import { until } from '@oxbow/faults';
import { onRedis } from '@oxbow/faults/suite';
import { describe, expect, it } from 'vitest';
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
      const codes: (number | undefined)[][] = [];
      probed.tell('enqueue');
      await until('the job runs', () => probed.hasRun);
      probed.terminate();
      await until('it drains', async () => (await probed.get('readyz')).body?.['state'] === 'draining');
      codes.push([(await probed.get('livez')).code, (await probed.get('readyz')).code]);
      expect(codes).toEqual([[200, 503]]);
      expect(await probed.exited).toBe(0);
      expect(await execProbe('livez', '--socket', probed.path)).toMatchObject({ code: 1 });
    });

    it.each([
      [['livez', '--socket', '/nowhere/health.sock'], 1, /ENOENT/u],
      [['livez', '--port', '1'], 1, /ECONNREFUSED/u],
      [['lives'], 2, /^usage: oxbow-health/u],
      [['livez', '--sock', 'x'], 2, /^usage/u],
      [['livez', '--timeout', 'soon'], 2, /^usage/u],
    ])('oxbow-health %j ends with %i', async (args, code, output) => {
      const ended = await execProbe(...args);
      expect(ended.code).toBe(code);
      expect(ended.output).toMatch(output);
    });
  });
});
