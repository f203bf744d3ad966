import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';
import { until } from './until.ts';

const FOLDERS = debianFolders();
const POSTGRES = findProgram('postgres') ?? findProgram(...FOLDERS.map((folder) => `${folder}/postgres`));
const INITDB = findProgram('initdb') ?? findProgram(...FOLDERS.map((folder) => `${folder}/initdb`));

/** It may have a log to replay, on a busy disk. */
const START_MS = 90_000;

/** Where postgres is; undefined where there is none. */
export const postgresProgram: string | undefined = INITDB === undefined ? undefined : POSTGRES;

/** A real server of one's own, on a free port of 127.0.0.1, its cluster in a temporary folder, every commit synced. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.folder = folder;
    this.#args = args;
  }

  /** A new cluster, not started yet. `args` are `name=value` settings; they win over our own. */
  static async create(...args: readonly string[]): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-postgres-'));
    await chmod(folder, 0o700);
    const owner = unprivileged();
    if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
    const options = ['--username', 'oxbow', '--auth', 'trust', '--encoding', 'UTF8', '--no-locale', '--no-sync'];
    const initdb = spawn(INITDB ?? 'initdb', ['--pgdata', join(folder, 'data'), ...options], { stdio: 'ignore', cwd: folder, ...owner });
    const [code] = (await once(initdb, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`initdb ended with ${code}`);
    return new PostgresServer(await freePort(), folder, args);
  }

  static async started(...args: readonly string[]): Promise<PostgresServer> {
    const server = await PostgresServer.create(...args);
    await server.start();
    return server;
  }

  get url(): string {
    return this.urlAt(this.port);
  }

  /** The same database, by way of another port: a proxy's. */
  urlAt(port: number): string {
    return `postgres://oxbow@127.0.0.1:${port}/postgres`;
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** With what it had when it was stopped. Resolves when it takes connections. */
  async start(): Promise<void> {
    const settings = ['unix_socket_directories=', 'listen_addresses=127.0.0.1', `port=${this.port}`, 'max_connections=200', ...this.#args];
    const flags = settings.flatMap((setting) => ['-c', setting]);
    const child = spawn(POSTGRES ?? 'postgres', ['-D', join(this.folder, 'data'), ...flags], {
      stdio: 'ignore',
      cwd: this.folder,
      ...unprivileged(),
    });
    this.#child = child;
    const look = async (): Promise<boolean> => {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
      return this.#isReady(child);
    };
    await until('the server takes connections', look, START_MS);
  }

  /** SIGSTOP, to it and its processes: they hold their connections and answer nothing. */
  pause(): void {
    for (const pid of this.#processes()) signal(pid, 'SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    for (const pid of this.#processes()) signal(pid, 'SIGCONT');
  }

  /** SIGKILL to all its processes at once, as a crash of the machine would; also when it is paused. */
  async stop(): Promise<void> {
    await this.#end(() => {
      for (const pid of this.#processes()) signal(pid, 'SIGKILL');
    });
  }

  /** As `pg_ctl stop -m immediate`: sessions end at once, and the next start recovers. */
  async stopImmediately(): Promise<void> {
    await this.#end((child) => child.kill('SIGQUIT'));
  }

  /** As `stop`, then `start`. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Stops it and deletes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(kill: (child: ChildProcess) => void): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      this.#child = undefined;
      return;
    }
    const processes = this.#processes();
    const exited = once(child, 'exit');
    kill(child);
    await exited;
    this.#child = undefined;
    // Those of its processes that outlive it hold its shared memory, and a start would be refused.
    await until('its processes have ended', () => processes.every((pid) => parentOf(pid) === undefined));
  }

  /** The line of the pid file by which pg_ctl knows: of this process, not of one that was killed before. */
  async #isReady(child: ChildProcess): Promise<boolean> {
    const lines = (await readFile(join(this.folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    return lines[0] === String(child.pid) && lines[7]?.trim() === 'ready';
  }

  /** Itself first, so that a pause or a kill leaves nobody who would start new ones. */
  #processes(): readonly number[] {
    const own = this.#child?.pid;
    if (own === undefined) return [];
    const others = readdirSync('/proc').filter((name) => /^\d+$/u.test(name));
    return [own, ...others.map(Number).filter((pid) => parentOf(pid) === own)];
  }
}

/** Undefined when there is no such process, or it has ended. */
function parentOf(pid: number): number | undefined {
  try {
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** Postgres refuses to run as root: then it runs as its own user, or as nobody. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** Where Debian keeps the programs of each version, newest first; they are not on the path. */
function debianFolders(): readonly string[] {
  const base = '/usr/lib/postgresql';
  try {
    const versions = readdirSync(base).toSorted((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(base, version, 'bin'));
  } catch {
    return [];
  }
}
