import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresProgram, PostgresServer, redisProgram, RedisServer } from '@oxbow/faults';
import type { EngineName } from './orders.ts';

const opened = new Set<Site>();

/** For a process that is told to end: its servers would outlive it. */
export async function abandon(): Promise<void> {
  await Promise.all([...opened].map((site) => site[Symbol.asyncDispose]()));
}

/** A server of one's own, and a folder for ledgers; both go when it is disposed of. */
export class Site implements AsyncDisposable {
  readonly engine: EngineName;
  readonly folder: string;
  readonly #server: RedisServer | PostgresServer;

  private constructor(engine: EngineName, folder: string, server: RedisServer | PostgresServer) {
    this.engine = engine;
    this.folder = folder;
    this.#server = server;
  }

  static async open(engine: EngineName): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-soak-'));
    // No machine goes down here: only processes of ours are killed, so nothing waits for the disk.
    const server =
      engine === 'redis'
        ? await RedisServer.started('--appendfsync', 'no')
        : await PostgresServer.started('fsync=off', 'synchronous_commit=off');
    const site = new Site(engine, folder, server);
    opened.add(site);
    return site;
  }

  get url(): string {
    return this.#server.url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    opened.delete(this);
    await this.#server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The engines that have a server program here. */
export function usableEngines(wanted: string | undefined): {
  readonly usable: readonly EngineName[];
  readonly missing: readonly EngineName[];
} {
  const all = (['redis', 'postgres'] as const).filter((engine) => wanted === undefined || wanted === engine);
  const has = (engine: EngineName): boolean => (engine === 'redis' ? redisProgram : postgresProgram) !== undefined;
  return { usable: all.filter(has), missing: all.filter((engine) => !has(engine)) };
}
