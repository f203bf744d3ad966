/** A worker, a producer and Prometheus as processes of this machine: what compose.yaml starts as containers, with the same configuration. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const HERE = new URL('..', import.meta.url);
const RULES = fileURLToPath(import.meta.resolve('@oxbow/metrics/alerts/rules.yml'));

export interface Stack {
  /** Of Prometheus. */
  readonly url: string;
  readonly config: string;
  stop(): Promise<void>;
}

/** @param env - for both processes; `OXBOW_URL` must be a server that both reach. */
export async function startStack(env: Readonly<Record<string, string>>, scrapeInterval: string): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'oxbow-prometheus-'));
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [worker, producer] = await Promise.all(['worker', 'producer'].map((name) => startNode(name, env, children)));
    const config = join(folder, 'prometheus.yml');
    const text = await readFile(new URL('prometheus.yml', HERE), 'utf8');
    await writeFile(
      config,
      text
        .replaceAll('worker:9464', worker ?? '')
        .replaceAll('producer:9465', producer ?? '')
        .replaceAll('/etc/prometheus/rules.yml', RULES)
        .replaceAll(/_interval: \S+/gu, `_interval: ${scrapeInterval}`),
    );
    const url = await startPrometheus(config, join(folder, 'data'), children);
    return { url, config, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves to where its metrics are, `host:port`. */
async function startNode(name: string, env: Readonly<Record<string, string>>, children: ChildProcess[]): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL(`src/${name}.ts`, HERE))], {
    env: { ...process.env, ...env, PORT: '0' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with ${String(code)}`)));
  const told = once(child, 'message').then(([message]) => new URL((message as { metrics: string }).metrics).host);
  ended.catch(() => undefined);
  return Promise.race([told, ended]);
}

async function startPrometheus(config: string, data: string, children: ChildProcess[]): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${data}`, `--web.listen-address=${address}`, '--log.level=warn'];
  const child = spawn(process.env['OXBOW_TEST_PROMETHEUS'] ?? 'prometheus', args, { stdio: 'inherit' });
  let failure: unknown;
  child.once('error', (error) => (failure = error));
  children.push(child);
  const url = `http://${address}`;
  for (;;) {
    if (failure !== undefined) throw new Error('prometheus does not start; on Debian: apt-get install prometheus', { cause: failure });
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok === true) return url;
    await wait(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
