/** Runs inside smoke.mjs's temporary project, against the packed packages: one task, enqueued, worked and answered, also over HTTP, another with a stored result, on the engine of its argument. */
import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '@oxbow/core';
import { createHttp } from '@oxbow/http';
import { fileResults } from '@oxbow/results';
import { tracing } from '@oxbow/tracing';
import { z } from 'zod';

const directory = await mkdtemp(join(tmpdir(), 'oxbow-smoke-results-'));
const app = createApp({ name: `smoke-${process.pid}`, url: process.argv[2], results: fileResults({ directory }) }).use(tracing());
const double = app.task('double', {
  input: z.object({ n: z.number() }),
  run: ({ n }) => Promise.resolve(n * 2),
});
const zeros = app.task('zeros', { run: (size) => Buffer.alloc(size) });

const worker = app.worker({ queues: { default: 5 } });
await worker.start();
const handle = await double.enqueue({ n: 21 });
assert.equal(await handle.result({ timeout: '30s' }), 42);
assert.deepEqual(await (await zeros.enqueue(3)).result({ timeout: '30s' }), Buffer.alloc(3));
const http = createHttp(app, { tasks: [double], allowAnonymous: true });
const answer = await http.handler(new Request(`http://localhost/jobs/${handle.id}/result`));
assert.equal(await answer.text(), '42');
await http.close();
await app.close();
await rm(directory, { recursive: true });
// Unreferenced: it fires only when something of ours still keeps the process alive.
setTimeout(() => {
  console.error('the process did not end by itself within 3 s of app.close()');
  process.exit(1);
}, 3000).unref();
console.log(`node ${process.versions.node}: 42`);
