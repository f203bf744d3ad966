/** Uploads a file, watches its job live, and asserts where the result lies; then what is wrong with other files. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import type { JobStatus } from '@oxbow/core';

const data = await mkdtemp(join(tmpdir(), 'oxbow-uploads-'));
process.env['DATA'] = data;
const { app, convert } = await import('./app.ts');
const { http, server } = await import('./server.ts');

await app.worker().start();
const listening = serve({ fetch: server.fetch, port: 0 });
await once(listening, 'listening');
const url = `http://localhost:${(listening.address() as AddressInfo).port}`;
const csv = await readFile(new URL('../data/airports.csv', import.meta.resolve('vega-datasets')));

const job = await upload(csv);
const seen = await watch(job);
assert.deepEqual(
  seen.at(-1)?.history.map(({ state }) => state),
  ['VALIDATING', 'PROCESSING', 'UPLOADING'],
);
assert.equal(seen.at(-1)?.status, 'succeeded');
assert.ok(seen.some(({ status, state }) => status === 'started' && state !== undefined));

const result = await (await fetch(`${url}${job}/result`)).text();
const { features } = JSON.parse(result) as { features: unknown[] };
assert.equal(features.length, 3376);
const stored = (await readdir(join(data, 'results'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
const sizes = await Promise.all(stored.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
assert.ok(sizes.includes(result.length));
const [kept] = await app.queue(convert.queue).getCompleted();
assert.ok(JSON.stringify(kept?.returnvalue).length < 500);

assert.equal(await upload(csv), job);

const broken = await watch(await upload('city,latitude,longitude\nOslo,59.9,10.7\nBergen,north,5.3\n'));
assert.equal(broken.at(-1)?.status, 'failed');
assert.match(broken.at(-1)?.error?.message ?? '', /^line 3: .*latitude/su);
assert.equal((await fetch(`${url}/uploads`, { method: 'POST', body: new Uint8Array(11 * 1024 * 1024) })).status, 413);

await http.close();
listening.close();
await app.close();
await rm(data, { recursive: true, force: true });
console.log(`${csv.length} bytes of CSV became ${result.length} bytes of GeoJSON in the result store, watched live`);

async function upload(body: string | Buffer): Promise<string> {
  const answer = await fetch(`${url}/uploads`, { method: 'POST', body });
  assert.equal(answer.status, 202);
  return answer.headers.get('location') ?? '';
}

/** Every status that its events show, until the stream ends. A browser has `EventSource` for it. */
async function watch(path: string): Promise<readonly JobStatus[]> {
  const events = await (await fetch(`${url}${path}/events`)).text();
  return Array.from(events.matchAll(/^event: status\n(?:id: .*\n)?data: (.*)$/gm), ([, status = '']) => JSON.parse(status) as JobStatus);
}
