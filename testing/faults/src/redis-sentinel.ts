import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { redisProgram, RedisServer } from './redis-server.ts';
import { until } from './until.ts';

/** A master is given up when it has not answered for so long. */
const DOWN_AFTER_MS = 800;
const MASTER = 'oxbow-master';

export interface RedisSentinelsOptions {
  /** Asked for by the Sentinels themselves. */
  readonly sentinelPassword?: string;
  /** Asked for by the servers. */
  readonly password?: string;
}

/** A real master, its replica, and three Sentinels that watch them, on free ports of 127.0.0.1. */
export class RedisSentinels implements AsyncDisposable {
  readonly servers: readonly [RedisServer, RedisServer];
  readonly #sentinels: readonly Sentinel[];
  readonly #options: RedisSentinelsOptions;

  private constructor(servers: readonly [RedisServer, RedisServer], sentinels: readonly Sentinel[], options: RedisSentinelsOptions) {
    this.servers = servers;
    this.#sentinels = sentinels;
    this.#options = options;
  }

  /** Resolves when the replica is in step and every Sentinel knows of it and of the others: a failover can begin. */
  static async started(options: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
    const { password } = options;
    const secrets = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
    const settings = ['--repl-diskless-sync-delay', '0', ...secrets];
    const master = await RedisServer.started(...settings);
    const replica = await RedisServer.started(...settings, '--replicaof', `127.0.0.1 ${master.port}`);
    const sentinels = await Promise.all([1, 2, 3].map(() => Sentinel.started(master.port, options)));
    const trio = new RedisSentinels([master, replica], sentinels, options);
    try {
      await until('every Sentinel knows the replica and the others', async () => {
        const states = await Promise.all(sentinels.map((sentinel) => sentinel.state()));
        return states.every(({ replicas, others }) => replicas === 1 && others === sentinels.length - 1);
      });
    } catch (error) {
      await trio[Symbol.asyncDispose]();
      throw error;
    }
    return trio;
  }

  /** Names all Sentinels. */
  get url(): string {
    return this.urlOf(MASTER);
  }

  /** A URL that asks for a master of this name. */
  urlOf(master: string): string {
    const { password, sentinelPassword } = this.#options;
    const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    const query = sentinelPassword === undefined ? '' : `?sentinelPassword=${encodeURIComponent(sentinelPassword)}`;
    return `redis+sentinel://${user}${this.#sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${master}${query}`;
  }

  /** The master that the Sentinels agree on; undefined while they do not. */
  async master(): Promise<RedisServer | undefined> {
    const ports = await Promise.all(this.#sentinels.map(async (sentinel) => (await sentinel.state()).masterPort));
    const [port] = ports;
    return ports.every((other) => other === port) ? this.servers.find((server) => server.port === port) : undefined;
  }

  /** SIGKILL to the master; resolves to the promoted replica when every Sentinel names it. */
  async killMaster(): Promise<RedisServer> {
    const old = await until('the Sentinels agree', () => this.master());
    await old.stop();
    return until('the replica is promoted', async () => {
      const master = await this.master();
      return master !== old && master;
    });
  }

  /** An orderly failover, by the Sentinels: the old master goes on as a replica. Resolves to the new one. */
  async failOver(): Promise<RedisServer> {
    const old = await until('the Sentinels agree', () => this.master());
    await this.#sentinels[0]?.failOver();
    return until('the replica is promoted', async () => {
      const master = await this.master();
      return master !== old && master;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sentinels, ...this.servers].map((one) => one[Symbol.asyncDispose]()));
  }
}

interface SentinelState {
  readonly masterPort: number;
  readonly replicas: number;
  readonly others: number;
}

class Sentinel implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #client: Redis;

  private constructor(port: number, folder: string, child: ChildProcess, password: string | undefined) {
    this.port = port;
    this.#folder = folder;
    this.#child = child;
    this.#client = new Redis({ port, enableReadyCheck: false, ...(password === undefined ? {} : { password }) });
    this.#client.on('error', () => undefined);
  }

  static async started(masterPort: number, { password, sentinelPassword }: RedisSentinelsOptions): Promise<Sentinel> {
    const [port, folder] = [await freePort(), await mkdtemp(join(tmpdir(), 'oxbow-sentinel-'))];
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor ${MASTER} 127.0.0.1 ${masterPort} 2`,
      `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${MASTER} 5000`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${MASTER} ${password}`]),
      ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    const child = spawn(redisProgram ?? 'redis-server', [file, '--sentinel'], { stdio: 'ignore' });
    return new Sentinel(port, folder, child, sentinelPassword);
  }

  async failOver(): Promise<void> {
    await this.#client.call('SENTINEL', 'FAILOVER', MASTER);
  }

  async state(): Promise<SentinelState> {
    const fields = (await this.#client.call('SENTINEL', 'MASTER', MASTER)) as readonly string[];
    const field = (name: string): number => Number(fields[fields.indexOf(name) + 1]);
    return { masterPort: field('port'), replicas: field('num-slaves'), others: field('num-other-sentinels') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.disconnect();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
