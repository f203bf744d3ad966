import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { App, Task } from '@oxbow/core';
import { deleteApp, onRedis, uniqueName } from '@oxbow/faults/suite';
import { expect, it, onTestFinished } from 'vitest';

interface Program {
  readonly app: App;
  readonly url: string;
  readonly where: Task<undefined, string>;
}

/** A module that listens for scrapes as it is loaded: by the worker, and by the thread of its isolated task. */
function programOf(name: string, url: string): string {
  const [core, metrics] = ['@oxbow/core', '@oxbow/metrics'].map((one) => JSON.stringify(import.meta.resolve(one)));
  return `import { createApp } from ${core};
import { createMetrics } from ${metrics};
export const app = createApp({ name: '${name}', url: '${url}', logLevel: 'fatal' });
export const { url } = await createMetrics(app).listen({ port: 0 });
export const where = app.task('where', { isolate: { kind: 'thread', module: import.meta.url }, run: () => url });
`;
}

onRedis((engine) => {
  it('listens in the process of its worker, and not in the child of an isolated task', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-metrics-'));
    const file = join(folder, 'program.mjs');
    const name = uniqueName();
    await writeFile(file, programOf(name, engine.url));
    const { app, url, where } = (await import(pathToFileURL(file).href)) as Program;
    onTestFinished(async () => {
      await app.close();
      await deleteApp(engine, name);
      await rm(folder, { recursive: true });
    });
    await app.worker().start();
    expect(await (await where.enqueue()).result({ timeout: '20s' })).toBe('');
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
  });
});
