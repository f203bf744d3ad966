import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { certificate, tlsSettings } from '../testing/certificate.ts';
import { entries, FixtureProcess, temporaryFolder } from '../testing/fixture-process.ts';
import { freePort, RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, uniqueName, withApp } from '../testing/with-app.ts';

const FIVE_MINUTES_MS = 300_000;
const CLOCK = fileURLToPath(import.meta.resolve('@oxbow/faults/shifted-clock'));

withOwnRedis('what a Redis server is checked for', () => {
  const on = (url: string) => ({ kind: 'redis', url }) as const;
  const evicting = () => RedisServer.started('--maxmemory-policy', 'allkeys-lru');

  it('refuses to open on a server that may evict keys, when told to', async () => {
    const app = withApp(on((await evicting()).url), { evictionPolicy: 'error' });
    await expect(app.ready()).rejects.toMatchObject({
      code: 'engine_unsupported',
      message: expect.stringContaining('allkeys-lru') as string,
    });
    await expect(app.task('task', { run: () => null }).enqueue()).rejects.toMatchObject({ code: 'engine_unsupported' });
    await expect(app.worker().start()).rejects.toMatchObject({ code: 'engine_unsupported' });
  });

  it.each([
    ['warns', {}, 1],
    ['is silent when told to ignore it', { evictionPolicy: 'ignore' }, 0],
  ] as const)('%s on a server that may evict keys', async (_, options, warnings) => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const app = withApp(on((await evicting()).url), { ...options, logger });
    await app.ready();
    expect(lines.filter((line) => line.includes('allkeys-lru'))).toHaveLength(warnings);
  });

  it('opens where CONFIG is refused: the policy is unknown', async () => {
    const server = await RedisServer.started('--maxmemory-policy', 'allkeys-lru', '--rename-command', 'CONFIG', '');
    const app = withApp(on(server.url), { evictionPolicy: 'error' });
    await app.ready();
    const task = app.task('task', { run: () => 'ran' });
    await startWorker(app, {});
    expect(await (await task.enqueue()).result()).toBe('ran');
  });

  it('connects by rediss:// with a private CA, and refuses a certificate that nobody vouches for', async () => {
    const files = await certificate();
    const port = await freePort();
    await RedisServer.started(...tlsSettings(port, files));
    const url = `rediss://127.0.0.1:${port}`;
    const app = withApp(on(url), { tls: { ca: await readFile(files.cert) } });
    const task = app.task('task', { run: () => 'sealed' });
    await startWorker(app, {});
    expect(await (await task.enqueue()).result()).toBe('sealed');
    const stranger = withApp(on(url), { connectTimeout: 500 });
    await expect(stranger.ready()).rejects.toMatchObject({ code: 'engine_unavailable' });
    await app.close();
  });

  it('does not let a worker fetch whose clock is five minutes off', async () => {
    const server = await RedisServer.started();
    const ledger = join(await temporaryFolder(), 'ledger');
    const config = { app: uniqueName(), url: server.url, queue: 'work', ledger };
    const env = { OXBOW_CLOCK_SHIFT_MS: String(FIVE_MINUTES_MS) };
    const child = new FixtureProcess(config, { imports: [CLOCK], env });
    const { offsetMs = 0 } = await child.told('engine:clock-skewed');
    expect(Math.abs(offsetMs + FIVE_MINUTES_MS)).toBeLessThan(10_000);
    await child.told('worker:ready');
    const app = withApp(on(server.url), { name: config.app });
    // The registry goes by the server's clock.
    const [seen] = await app.fleet.workers();
    expect(seen).toMatchObject({ state: 'running', clockSkewed: true });
    expect(Math.abs((seen?.startedAt.getTime() ?? 0) - Date.now())).toBeLessThan(30_000);
    const id = await child.enqueue('note', 1);
    // A worker with the right time takes what comes later, and the skewed one has taken nothing.
    const sane = new FixtureProcess({ ...config, ledger: `${ledger}.sane` });
    await sane.told('worker:ready');
    await until('the sane worker runs the job', async () => (await app.handle(id).status()).status === 'succeeded');
    expect(entries(ledger, 'start')).toEqual([]);
    expect(entries(`${ledger}.sane`, 'end')).toEqual(['1']);
    expect(await child.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
