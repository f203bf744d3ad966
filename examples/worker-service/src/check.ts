/**
 * Enqueues a mail, starts the worker process, sends it SIGTERM while it works, and asserts that it ended its job, exited
 * with 0, and left the result where the next process finds it.
 */
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const directory = await mkdtemp(join(tmpdir(), 'oxbow-worker-service-'));
const url = `embedded:${directory}`;
process.env['OXBOW_URL'] = url;
const { app, sendMail } = await import('./app.ts');

// An embedded engine is one process: this one closes it before the worker opens it.
const { id } = await sendMail.enqueue({ to: 'ann@example.com', text: 'hello' });
await app.close();

const worker = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('main.ts', import.meta.url))], {
  env: { ...process.env, OXBOW_URL: url, OXBOW_LOG_LEVEL: 'info' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const exited = once(worker, 'exit');
for await (const line of createInterface(worker.stdout)) {
  if (line.includes('"sending"')) worker.kill('SIGTERM');
}
assert.deepEqual(await exited, [0, null]);

const { createApp } = await import('@oxbow/core');
const later = createApp({ name: app.name, url });
const { status } = await later.handle(id).status();
assert.equal(status, 'succeeded');
assert.equal(await later.handle(id).result(), '5 characters to ann@example.com');
await later.close();
await rm(directory, { recursive: true, force: true });
console.log('drained at SIGTERM, exit code 0, the mail was sent');
