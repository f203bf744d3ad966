import { PostgresServer, RedisServer } from '@oxbow/faults';
import { ABSENT, type Host, type HostKind } from './host.ts';
import { sql, takeConnections, terminateBackends } from './postgres-faults.ts';
import { openSentinels } from './sentinel-host.ts';

/** @param settings - of the server: `appendfsync=everysec`, `fsync=off`. */
export async function openHost(kind: HostKind, settings: readonly string[]): Promise<Host> {
  if (kind === 'sentinels') return openSentinels();
  return kind === 'redis' ? openRedis(settings) : openPostgres(settings);
}

async function openRedis(settings: readonly string[]): Promise<Host> {
  const flags = settings.flatMap((setting) => {
    const [name, value = ''] = setting.split('=');
    return [`--${name}`, value];
  });
  const server = await RedisServer.started(...flags);
  return {
    ...ABSENT,
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
    ...ABSENT,
    ...controls(server),
    urlAt: (port) => server.urlAt(port),
    killClients: () => terminateBackends(server.url),
    sql: (text) => sql(server.url, text),
    takeConnections: () => takeConnections(server.url),
  };
}

type Controls = Pick<Host, 'port' | 'start' | 'stop' | 'pause' | 'resume' | typeof Symbol.asyncDispose>;

/** What the two kinds of server have in common. */
function controls(server: RedisServer | PostgresServer): Controls {
  return {
    port: server.port,
    start: () => server.start(),
    stop: () => server.stop(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
