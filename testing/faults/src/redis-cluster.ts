import { RedisServer } from './redis-server.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

const SLOTS = 16_384;
/** A master is given up when it has not answered for so long. */
const NODE_TIMEOUT_MS = 1000;

interface Node {
  readonly server: RedisServer;
  readonly busPort: number;
}

export interface RedisClusterOptions {
  /** @defaultValue 3 */
  readonly masters?: number;
  /** Of the first masters; the others have none. @defaultValue one for each master */
  readonly replicas?: number;
  /** Further settings of every node, as on the command line. */
  readonly args?: readonly string[];
}

/** A real Redis Cluster on free ports of 127.0.0.1; needs redis-server 7 or newer. The slots are shared out evenly. */
export class RedisCluster implements AsyncDisposable {
  readonly #nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  /** Resolves when every node says that the cluster is up and every replica has its master's data. */
  static async started({ masters = 3, replicas = masters, args = [] }: RedisClusterOptions = {}): Promise<RedisCluster> {
    const nodes = await Promise.all(Array.from({ length: masters + replicas }, () => startNode(args)));
    const cluster = new RedisCluster(nodes);
    try {
      await cluster.#join(masters);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get servers(): readonly RedisServer[] {
    return this.#nodes.map(({ server }) => server);
  }

  /** Names all nodes. */
  get url(): string {
    return `redis+cluster://${this.servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** The master of the key's slot, as the nodes that run agree; undefined while they do not. */
  async masterOf(key: string): Promise<RedisServer | undefined> {
    const running = this.servers.filter(({ pid }) => pid !== undefined);
    const ports = await Promise.all(running.map((server) => ownerOf(server, key)));
    const [port] = ports;
    return ports.every((other) => other === port) ? running.find((server) => server.port === port) : undefined;
  }

  /** SIGKILL to the master of the key's slot; resolves to the promoted replica when all nodes that run name it. */
  async killMasterOf(key: string): Promise<RedisServer> {
    const old = await until('the nodes agree on the master', () => this.masterOf(key));
    await old.stop();
    return until('the replica is promoted', async () => {
      const master = await this.masterOf(key);
      return master !== old && master;
    });
  }

  /** Moves the (empty or full) slot of the key to another master, key by key, as `redis-cli --cluster reshard` does. */
  async move(key: string, to: RedisServer, between: () => Promise<void> = async () => undefined): Promise<void> {
    const from = await until('the nodes agree on the master', () => this.masterOf(key));
    const slot = String(await from.command('CLUSTER', 'KEYSLOT', key));
    const [source, target] = await Promise.all([from, to].map((server) => server.command('CLUSTER', 'MYID') as Promise<string>));
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source ?? '');
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target ?? '');
    await between();
    for (;;) {
      const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '100')) as string[];
      if (keys.length === 0) break;
      await from.command('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
    }
    for (const server of [to, from]) await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', target ?? '');
    await until('the nodes know of the move', async () => (await this.masterOf(key)) === to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
  }

  async #join(masters: number): Promise<void> {
    const [first, ...others] = this.#nodes;
    if (first === undefined) return;
    await Promise.all(
      this.#nodes.slice(0, masters).map(async ({ server }, i) => {
        const [from, to] = [Math.ceil((i * SLOTS) / masters), Math.ceil(((i + 1) * SLOTS) / masters) - 1];
        await server.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
        await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
      }),
    );
    for (const { server, busPort } of others) {
      await first.server.command('CLUSTER', 'MEET', '127.0.0.1', String(server.port), String(busPort));
    }
    await until('all nodes know each other', async () =>
      (await this.#all('CLUSTER', 'INFO')).every((info) => knows(info, this.#nodes.length)),
    );
    const ids = (await this.#all('CLUSTER', 'MYID')) as readonly string[];
    await Promise.all(this.servers.slice(masters).map((server, i) => server.command('CLUSTER', 'REPLICATE', ids[i] ?? '')));
    await until('the cluster is up', async () => (await this.#all('CLUSTER', 'INFO')).every((info) => info.includes('cluster_state:ok')));
    await until('the replicas are in step', async () => {
      const roles = await Promise.all(this.servers.slice(masters).map((server) => server.command('ROLE')));
      return roles.every((role) => (role as readonly unknown[])[3] === 'connected');
    });
  }

  async #all(name: string, ...args: readonly string[]): Promise<readonly string[]> {
    return (await Promise.all(this.servers.map((server) => server.command(name, ...args)))) as string[];
  }
}

async function startNode(args: readonly string[]): Promise<Node> {
  const busPort = await freePort();
  const settings = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', String(NODE_TIMEOUT_MS)];
  const server = await RedisServer.started(...settings, '--repl-diskless-sync-delay', '0', ...args);
  return { server, busPort };
}

function knows(info: string, nodes: number): boolean {
  return info.includes(`cluster_known_nodes:${nodes}\r`);
}

/** The port of the master of the key's slot, as this node sees it. */
async function ownerOf(server: RedisServer, key: string): Promise<number | undefined> {
  const slot = (await server.command('CLUSTER', 'KEYSLOT', key)) as number;
  const ranges = (await server.command('CLUSTER', 'SLOTS')) as readonly [number, number, [string, number, string]][];
  return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1];
}
