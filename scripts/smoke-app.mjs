/** Runs inside smoke.mjs's temporary project, against the packed packages: one task, enqueued, worked and answered, also over HTTP, another with a stored result, and counted, on the engine of its argument. */
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createApp } from '@oxbow/core';
import { createHealth } from '@oxbow/health';
import { createHttp } from '@oxbow/http';
import { createMetrics } from '@oxbow/metrics';
import { fileResults } from '@oxbow/results';
import { byPriority, Router } from '@oxbow/routing';
import { tracing } from '@oxbow/tracing';
import { z } from 'zod';

const directory = await mkdtemp(join(tmpdir(), 'oxbow-smoke-results-'));
const preset = byPriority();
const options = {
  name: `smoke-${process.pid}`,
  url: process.argv[2],
  results: fileResults({ directory }),
  logLevel: 'warn',
  ...preset.app,
};
const router = new Router({ queues: preset, rules: [{ task: 'zero*', queue: 'bulk' }], default: 'default' });
const app = createApp(options).use(router).use(tracing());
const double = app.task('double', {
  input: z.object({ n: z.number() }),
  run: ({ n }) => Promise.resolve(n * 2),
});
const zeros = app.task('zeros', { run: (size) => Buffer.alloc(size) });

const metrics = createMetrics(app, { collect: 'both' });
const worker = app.worker({ ...preset.pool });
await worker.start();
const handle = await double.enqueue({ n: 21 });
assert.equal(await handle.result({ timeout: '30s' }), 42);
assert.deepEqual(await (await zeros.enqueue(3)).result({ timeout: '30s' }), Buffer.alloc(3));
const http = createHttp(app, { tasks: [double], allowAnonymous: true });
const answer = await http.handler(new Request(`http://localhost/jobs/${handle.id}/result`));
assert.equal(await answer.text(), '42');
await http.close();
const { url } = await createHealth(app).listen({ path: join(directory, 'health.sock') });
const program = join('node_modules', '@oxbow', 'health', 'dist', 'oxbow-health.js');
const { stdout } = await promisify(execFile)(process.execPath, [program, 'readyz', '--socket', url.slice('unix:'.length)]);
assert.equal(stdout, '{"status":"pass","state":"running"}\n');
const scraped = await (await metrics.handler(new Request('http://localhost/metrics'))).text();
assert.match(scraped, /^oxbow_task_attempts_total\{queue="default",task="double",outcome="succeeded"\} 1$/mu);
assert.match(scraped, /^oxbow_store_up 1$/mu);
await app.close();
await rm(directory, { recursive: true });
// Unreferenced: it fires only when something of ours still keeps the process alive.
setTimeout(() => {
  console.error('the process did not end by itself within 3 s of app.close()');
  process.exit(1);
}, 3000).unref();
console.log(`node ${process.versions.node}: 42`);
