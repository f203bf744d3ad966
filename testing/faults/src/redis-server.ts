import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';
import { until } from './until.ts';

/** Where redis-server (or valkey-server) is; undefined where there is none. */
export const redisProgram: string | undefined = findProgram('redis-server', 'valkey-server');

/** A real server of one's own, on a free port of 127.0.0.1, its data (append-only, synced always) in a temporary folder. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.folder = folder;
    this.#args = args;
  }

  /** Not started yet. `args` come after our own settings, so they win. */
  static async create(...args: readonly string[]): Promise<RedisServer> {
    return new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'oxbow-redis-')), args);
  }

  static async started(...args: readonly string[]): Promise<RedisServer> {
    const server = await RedisServer.create(...args);
    try {
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** With what it had when it was stopped. Resolves when it answers anything, also a refusal. */
  async start(): Promise<void> {
    const settings = `--bind 127.0.0.1 --port ${this.port} --save  --appendonly yes --appendfsync always`.split(' ');
    this.#child = spawn(redisProgram ?? 'redis-server', [...settings, '--dir', this.folder, ...this.#args], { stdio: 'ignore' });
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

  /** SIGSTOP: it holds its connections and answers nothing. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGKILL, as a crash would; also when it is paused. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Stops it and deletes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function answers(port: number): Promise<boolean> {
  // RESP2: a server with a password refuses the HELLO of RESP3, and so the connection.
  const client = new Redis({ port, protocol: 2, lazyConnect: true, retryStrategy: () => null, enableReadyCheck: false });
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
