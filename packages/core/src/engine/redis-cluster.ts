import { ask } from './redis-ask.ts';
import { distinct } from './redis-sentinel.ts';
import { addressText, type RedisAddress, type RedisUrl } from './redis-url.ts';
import type { RedisAccess, RedisCaller } from './redis-wire.ts';

interface Node extends RedisAddress {
  readonly id: string;
}

/** The cluster as one node sees it. */
interface View {
  readonly self: string;
  readonly ok: boolean;
  /** The app's slot. */
  readonly slot: number;
  readonly owner: Node | undefined;
  /** The slot is on its way to another node: scripts get neither here nor there what they need. */
  readonly moving: boolean;
  readonly masters: readonly Node[];
  readonly nodes: readonly Node[];
}

/**
 * The cluster from where one app stands: all its keys have one hash tag, so they lie in one slot, on one master. The app's
 * connections go to that one, and look for it again when the slot or the mastership has moved.
 */
export class ClusterMap {
  readonly #seeds: readonly RedisAddress[];
  readonly #access: RedisAccess;
  readonly #tag: string;
  #nodes: readonly RedisAddress[] = [];
  #masters: readonly RedisAddress[] = [];
  #slot: number | undefined;
  #turn = 0;

  constructor({ addresses }: RedisUrl, access: RedisAccess, tag: string) {
    this.#seeds = addresses;
    this.#access = access;
    this.#tag = tag;
  }

  /** Once it was located. */
  get slot(): number | undefined {
    return this.#slot;
  }

  /** Of all slots, as last seen. */
  get masters(): readonly RedisAddress[] {
    return this.#masters;
  }

  /** The master of the app's slot, which must see itself as that, in a cluster that is up. */
  async locate(): Promise<RedisAddress> {
    const candidates = distinct([...this.#nodes, ...this.#seeds]);
    const first = this.#turn++;
    let failure: unknown;
    for (let i = 0; i < candidates.length; i += 1) {
      const candidate = candidates[(first + i) % candidates.length] as RedisAddress;
      try {
        return await this.#locateFrom(candidate);
      } catch (error) {
        // No cluster at all: the start-up check says so.
        if (error instanceof Error && error.message.includes('cluster support disabled')) return candidate;
        failure = error;
      }
    }
    throw failure;
  }

  async #locateFrom(candidate: RedisAddress): Promise<RedisAddress> {
    const seen = await this.#look(candidate);
    if (seen.owner === undefined) throw new Error(`${addressText(candidate)}: no node serves slot ${seen.slot}.`);
    const { owner } = seen;
    const own = owner.id === seen.self ? seen : await this.#look(owner);
    if (own.owner?.id !== own.self) throw new Error(`${addressText(owner)} does not serve slot ${seen.slot}: the cluster fails over.`);
    if (!own.ok) throw new Error(`${addressText(owner)}: the cluster is down.`);
    if (own.moving) throw new Error(`Slot ${own.slot} is moving from or to ${addressText(owner)}.`);
    this.#slot = own.slot;
    this.#nodes = own.nodes;
    this.#masters = distinct(own.masters);
    return { host: owner.host, port: owner.port };
  }

  #look(address: RedisAddress): Promise<View> {
    return ask(address, this.#access, (node) => viewFrom(node, address, this.#tag));
  }
}

type SlotRange = readonly [from: number, to: number, ...nodes: (readonly [host: string | null, port: number, id: string])[]];

async function viewFrom(node: RedisCaller, asked: RedisAddress, tag: string): Promise<View> {
  const [slot, ranges, list, info] = (await Promise.all([
    node.call('CLUSTER', 'KEYSLOT', tag),
    node.call('CLUSTER', 'SLOTS'),
    node.call('CLUSTER', 'NODES'),
    node.call('CLUSTER', 'INFO'),
  ])) as [number, readonly SlotRange[], string, string];
  const toNode = ([host, port, id]: SlotRange[2]): Node => ({
    // A node that does not know its own name leaves it out.
    host: host === null || host === '' || host === '?' ? asked.host : host,
    port,
    id,
  });
  const masters = ranges.flatMap(([, , master]) => (master === undefined ? [] : [toNode(master)]));
  const range = ranges.find(([from, to]) => from <= slot && slot <= to);
  const myself = list.split('\n').find((line) => /^\S+ \S+ \S*\bmyself\b/u.test(line)) ?? '';
  return {
    self: myself.split(' ')[0] ?? '',
    ok: /^cluster_state:ok/mu.test(info),
    slot,
    owner: range?.[2] === undefined ? undefined : toNode(range[2]),
    moving: new RegExp(`\\[${slot}-[<>]-`, 'u').test(myself),
    masters,
    nodes: ranges.flatMap(([, , ...nodes]) => nodes.map(toNode)),
  };
}
