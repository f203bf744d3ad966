/**
 * How fast a fleet answers: `node benchmarks/dist/fleet.js [workers] [calls]`, by hand, with OXBOW_BENCH_REDIS_URL, OXBOW_BENCH_POSTGRES_URL (or neither: only
 * embedded). Workers are apps with connections of their own, in one other process; on embedded they are in this one. Beside it BullMQ's Relay, which cannot
 * run on an embedded engine: it wants a pool of two. Then what a beat and a look at the registry take, of a thousand workers that have died, and of living ones.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createApp, type App } from '@oxbow/core';
import { createPostgresRelayBackend, Relay, type RelayOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { freshPlace } from './place.ts';

const [workersGiven = '4', callsGiven = '200'] = process.argv.slice(2);
const [workers, calls] = [Number(workersGiven), Number(callsGiven)];
const WARM_UP = 20;
const NOTHING = { run: () => undefined } as const;

interface Orders {
  readonly side: 'oxbow' | 'relay';
  readonly name: string;
  readonly url: string;
  readonly workers: number;
}

const orders = process.env['OXBOW_FLEET_ORDERS'];
if (orders === undefined) await measureAll();
else await beWorkers(JSON.parse(orders) as Orders);

async function beWorkers({ side, name, url, workers: count }: Orders): Promise<void> {
  await (side === 'oxbow' ? startWorkers(name, url, count) : startNodes(name, url, count));
  process.on('disconnect', () => process.exit(0));
  process.send?.('ready');
}

async function startWorkers(name: string, url: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const app = createApp({ name, url, logLevel: 'silent' });
    app.task('nothing', NOTHING);
    await app.worker().start();
  }
}

async function startNodes(name: string, url: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const node = openRelay(name, url);
    await node.subscribe('calls', (message) => {
      const { from, call } = message.data as { from: string; call: number };
      void node.publish(`answers.${from}`, { call, worker: node.nodeId });
    });
  }
}

function openRelay(namespace: string, url: string): Relay {
  const options: RelayOptions = url.startsWith('postgres')
    ? { namespace, connection: { connectionString: url, migrate: true } as never, backend: createPostgresRelayBackend as never }
    : { namespace, connection: redisOf(url) };
  const relay = new Relay(options);
  relay.on('error', (error) => console.error(error));
  return relay;
}

function redisOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

async function measureAll(): Promise<void> {
  console.log(
    `| engine | call of ${workers} workers, ${calls} times | p50 ms | p99 ms | max ms | connections of a worker |\n|---|---|--:|--:|--:|--:|`,
  );
  await measureEmbedded();
  for (const server of [process.env['OXBOW_BENCH_REDIS_URL'], process.env['OXBOW_BENCH_POSTGRES_URL']]) {
    if (server === undefined) continue;
    const place = await freshPlace(server);
    const name = `fleet-${Date.now().toString(36)}`;
    await withChild({ side: 'oxbow', name, url: place.url, workers }, (connections) => measureApp(name, place.url, connections));
    await withChild({ side: 'relay', name, url: place.url, workers }, (connections) => measureRelay(name, place.url, connections));
    await place.remove();
  }
}

async function measureEmbedded(): Promise<void> {
  const app = createApp({ name: 'fleet', url: 'embedded:', logLevel: 'silent' });
  app.task('nothing', NOTHING);
  for (let i = 0; i < workers; i++) await app.worker().start();
  await measureCalls('embedded', app, undefined);
  await app.close();
}

async function measureApp(name: string, url: string, connections: number): Promise<void> {
  const app = createApp({ name, url, logLevel: 'silent' });
  await measureCalls(new URL(url).protocol.slice(0, -1), app, connections);
  await app.close();
}

async function measureCalls(engine: string, app: App, connections: number | undefined): Promise<void> {
  const { fleet } = app;
  const all = async (call: Promise<{ answers: readonly object[] }>): Promise<void> => {
    const { answers } = await call;
    if (answers.length !== workers) throw new Error(`${answers.length} answers`);
  };
  const [first] = await fleet.workers();
  show(engine, 'ping', await times(() => all(fleet.ping())), connections);
  show(engine, 'ping of one', await times(async () => void (await fleet.ping({ worker: first?.id ?? '' }))), connections);
  show(engine, 'stats', await times(() => all(fleet.stats())), connections);
  show(engine, 'resize', await times(() => all(fleet.resize('default', 7))), connections);
  show(engine, 'workers()', await times(async () => void (await fleet.workers())), connections);
}

async function measureRelay(namespace: string, url: string, connections: number): Promise<void> {
  const relay = openRelay(namespace, url);
  const waiting = new Map<number, { left: number; done: () => void }>();
  await relay.subscribe(`answers.${relay.nodeId}`, (message) => {
    const one = waiting.get((message.data as { call: number }).call);
    if (one !== undefined && --one.left === 0) one.done();
  });
  let call = 0;
  const ask = (): Promise<void> =>
    new Promise((done, failed) => {
      waiting.set(++call, { left: workers, done });
      relay.publish('calls', { from: relay.nodeId, call }).catch(failed);
    });
  show(new URL(url).protocol.slice(0, -1), 'ping through BullMQ’s Relay', await times(ask), connections);
  await relay.close();
}

async function times(call: () => Promise<void>): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let i = 0; i < WARM_UP + calls; i++) {
    const begun = performance.now();
    await call();
    if (i >= WARM_UP) taken.push(performance.now() - begun);
  }
  return taken.toSorted((a, b) => a - b);
}

function show(engine: string, what: string, sorted: readonly number[], connections: number | undefined): void {
  const at = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  console.log(`| ${engine} | ${what} | ${at(0.5)} | ${at(0.99)} | ${at(1)} | ${connections ?? '–'} |`);
}

/** With how many connections each of the child's workers has. */
async function withChild(given: Orders, work: (connections: number) => Promise<void>): Promise<void> {
  const before = await connectionsOf(given.url);
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), { env: { ...process.env, OXBOW_FLEET_ORDERS: JSON.stringify(given) } });
  await once(child, 'message');
  const connections = ((await connectionsOf(given.url)) - before) / given.workers;
  await work(connections);
  child.disconnect();
  await once(child, 'exit');
}

async function connectionsOf(url: string): Promise<number> {
  if (!url.startsWith('postgres')) {
    const client = new Redis(url);
    const list = (await client.client('LIST')) as string;
    await client.quit();
    return list.trim().split('\n').length;
  }
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()');
  await client.end();
  return rows[0]?.n ?? 0;
}
