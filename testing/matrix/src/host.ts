import { PostgresServer, RedisServer } from '@oxbow/faults';
import pg from 'pg';
import type { EngineName } from './orders.ts';

/** The server of one measurement, of its own: what faults are done to. */
export interface Host extends AsyncDisposable {
  readonly port: number;
  start(): Promise<void>;
  /** SIGKILL. */
  stop(): Promise<void>;
  pause(): void;
  resume(): void;
  urlAt(port: number): string;
  /** Ends every client's connection from the server's side. */
  killClients(): Promise<void>;
  /** Redis only. */
  command(name: string, ...args: readonly string[]): Promise<unknown>;
}

/** @param settings - of the server: `appendfsync=everysec`, `fsync=off`. */
export async function openHost(engine: EngineName, settings: readonly string[]): Promise<Host> {
  return engine === 'redis' ? openRedis(settings) : openPostgres(settings);
}

async function openRedis(settings: readonly string[]): Promise<Host> {
  const flags = settings.flatMap((setting) => {
    const [name, value = ''] = setting.split('=');
    return [`--${name}`, value];
  });
  const server = await RedisServer.started(...flags);
  return {
    ...controls(server),
    urlAt: (port) => `redis://127.0.0.1:${port}`,
    killClients: async () => {
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
    },
    command: (name, ...args) => server.command(name, ...args),
  };
}

async function openPostgres(settings: readonly string[]): Promise<Host> {
  const server = await PostgresServer.started(...settings);
  return {
    ...controls(server),
    urlAt: (port) => server.urlAt(port),
    killClients: () => terminateBackends(server.url),
    command: (name) => Promise.reject(new Error(`${name} is for Redis`)),
  };
}

/** What the two kinds of server have in common. */
function controls(server: RedisServer | PostgresServer): Omit<Host, 'urlAt' | 'killClients' | 'command'> {
  return {
    port: server.port,
    start: () => server.start(),
    stop: () => server.stop(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function terminateBackends(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
  } finally {
    await client.end();
  }
}
