import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, onTestFinished } from 'vitest';
import { temporaryFolder } from './fixture-process.ts';
import { until } from './until.ts';

const inCi = ![undefined, '', 'false'].includes(process.env['CI']);
const binary = ['redis-server', 'valkey-server']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find(isExecutable);

/** For suites that stop, restart or configure a server of their own: left out where there is no redis-server, in CI they fail. */
export function withOwnRedis(name: string, suite: () => void): void {
  if (binary === undefined && inCi) throw new Error('There is no redis-server on the path: in CI nothing is left out.');
  describe.skipIf(binary === undefined)(
    binary === undefined ? `${name} (left out: no redis-server on the path)` : name,
    { timeout: 90_000 },
    suite,
  );
}

/** A server of this test's own, on a free port; killed when the test ends. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
    onTestFinished(() => this.stop());
  }

  /** Not started yet. */
  static async create(...args: readonly string[]): Promise<RedisServer> {
    return new RedisServer(await freePort(), await temporaryFolder(), args);
  }

  static async started(...args: readonly string[]): Promise<RedisServer> {
    const server = await RedisServer.create(...args);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** With what it had when it was stopped. */
  async start(): Promise<void> {
    const settings = [
      '--bind',
      '127.0.0.1',
      '--port',
      String(this.port),
      '--dir',
      this.#folder,
      '--save',
      '',
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
    ];
    this.#child = spawn(binary ?? 'redis-server', [...settings, ...this.#args], { stdio: 'ignore' });
    await until('the server answers', () => answers(this.port));
  }

  /** Any command, on a connection of its own. */
  async command(name: string, ...args: readonly string[]): Promise<unknown> {
    const client = new Redis(this.url, { maxRetriesPerRequest: 1 });
    client.on('error', () => undefined);
    try {
      return await client.call(name, ...args);
    } finally {
      client.disconnect();
    }
  }

  /** At once, as a crash would. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

/** Any answer will do, also a refusal. */
async function answers(port: number): Promise<boolean> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null, enableReadyCheck: false });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.ping().catch((error: Error) => error.message)) !== 'Connection is closed.';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
