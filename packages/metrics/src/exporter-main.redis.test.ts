import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createApp } from '@oxbow/core';
import { deleteApp, onRedis, uniqueName } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';

onRedis((engine) => {
  it('oxbow-exporter serves what an app has in its queues, without its tasks, until it is told to end', async () => {
    const name = uniqueName();
    const app = createApp({ name, url: engine.url, logger: pino({ level: 'silent' }) });
    onTestFinished(async () => {
      await app.close();
      await deleteApp(engine, name);
    });
    await app.queue('mail').add('job', {});
    const main = new URL('../dist/exporter-main.js', import.meta.url).pathname;
    const exporter = spawn(process.execPath, [main, name, 'mail', '--port', '0'], {
      env: { ...process.env, OXBOW_URL: engine.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void exporter.kill('SIGKILL'));
    const [line] = (await once(exporter.stdout, 'data')) as [Buffer];
    const url = line.toString().trim();
    expect(await (await fetch(url)).text()).toContain('oxbow_queue_jobs{queue="mail",state="waiting"} 1\n');
    expect(await (await fetch(url.replace(/metrics$/u, 'autoscale/mail?target=1'))).json()).toMatchObject({ backlog: 1, replicas: 1 });
    exporter.kill('SIGTERM');
    expect(await once(exporter, 'exit')).toEqual([0, null]);
  });
});
