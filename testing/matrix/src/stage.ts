import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Proxy, readLedger } from '@oxbow/faults';
import { Child } from './child.ts';
import type { Host, HostKind } from './host.ts';
import { openHost } from './open-host.ts';
import type { EngineName, Orders, Production, SideName } from './orders.ts';
import { Random } from './random.ts';

export interface StageOptions {
  readonly engine: EngineName;
  readonly side: SideName;
  readonly seed: number;
  /** True: small sizes. */
  readonly sample: boolean;
  readonly settings: readonly string[];
  readonly host: HostKind;
}

export type ChildOptions = Partial<Omit<Orders, 'side' | 'engine' | 'role' | 'url' | 'app' | 'ledger'>> & {
  readonly through?: Proxy;
  readonly clockShiftMs?: number;
};

const DEFAULTS = {
  concurrency: 10,
  lockMs: 3000,
  handler: { kind: 'wait', ms: 5 },
  drain: { softMs: 20_000, hardMs: 5000 },
  dieAt: undefined,
  lockRenewal: 'thread',
} as const;

const LOOK_MS = 50;

/** What a row does its faults on: one side, one server, the processes, and the clockwork that depends on the seed. */
export class Stage implements AsyncDisposable {
  readonly side: SideName;
  readonly engine: EngineName;
  readonly sample: boolean;
  readonly random: Random;
  readonly host: Host;
  readonly ledger: string;
  readonly children: Child[] = [];
  /** Figures of the row itself, by name. */
  readonly notes: Record<string, number | string> = {};
  /** performance.now() of the end of the last fault. */
  faultEndedAt: number | undefined;
  readonly #folder: string;
  readonly #proxies: Proxy[] = [];
  #produced = 0;

  private constructor(options: StageOptions, host: Host, folder: string) {
    this.side = options.side;
    this.engine = options.engine;
    this.sample = options.sample;
    this.random = new Random(options.seed);
    this.host = host;
    this.#folder = folder;
    this.ledger = join(folder, 'ledger');
  }

  static async open(options: StageOptions): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-matrix-'));
    const stage = new Stage(options, await openHost(options.host, options.settings), folder);
    if (options.engine === 'postgres') await stage.#makeTables();
    return stage;
  }

  /** The full size, or the sample's. */
  size(full: number, sample: number): number {
    return this.sample ? sample : full;
  }

  async proxy(): Promise<Proxy> {
    const proxy = await Proxy.to(this.host.port);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** Running; ready when it says so. */
  spawn(role: Orders['role'], { through, clockShiftMs = 0, ...orders }: ChildOptions = {}): Child {
    const child = new Child(
      {
        ...DEFAULTS,
        ...orders,
        side: this.side,
        engine: this.engine,
        role,
        url: this.host.urlAt(through?.port ?? this.host.port),
        app: 'matrix',
        ledger: this.ledger,
      },
      clockShiftMs,
    );
    this.children.push(child);
    return child;
  }

  /** @throws when one ends instead of being ready */
  async workers(count: number, options: ChildOptions = {}): Promise<Child[]> {
    const workers = Array.from({ length: count }, () => this.spawn('worker', options));
    for (const worker of workers) if (!(await worker.ready)) throw new Error(`a worker ended at its start: ${worker.lastLine}`);
    return workers;
  }

  /** By a producer of its own: a direct one, unless `through`. Numbers go on where the last call ended. */
  produce(count: number, options: ChildOptions & Partial<Production> = {}): Promise<void> {
    const producing = this.#produce(count, options);
    // A row that fails before it waits for this ends alone, not with the process.
    producing.catch(() => undefined);
    return producing;
  }

  async #produce(count: number, options: ChildOptions & Partial<Production>): Promise<void> {
    const { wave = 20, pauseMs = 0, delayMs = 0, padding = 0, ...orders } = options;
    const from = this.#produced;
    this.#produced += count;
    const producer = this.spawn('producer', orders);
    await producer.ready;
    await producer.produce({ from, count, wave, pauseMs, delayMs, padding });
    await producer.end('SIGKILL');
  }

  /** Different numbers that the ledger has under a word. */
  count(word: 'accepted' | 'rejected' | 'start' | 'end'): number {
    return new Set(readLedger(this.ledger).flatMap((entry) => (entry.word === word ? [entry.id] : []))).size;
  }

  /** What the store has acknowledged, or been told, in the last `ms`. */
  recent(ms: number): number {
    const since = performance.timeOrigin + performance.now() - ms;
    return readLedger(this.ledger).filter(({ word, atMs }) => (word === 'accepted' || word === 'end') && atMs >= since).length;
  }

  /** Waits until so many have it; returns false at the deadline, which no row takes for an error. */
  async reach(word: 'accepted' | 'start' | 'end', count: number, withinMs: number): Promise<boolean> {
    return this.holds(() => this.count(word) >= count, withinMs);
  }

  async holds(look: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (!(await look())) {
      if (performance.now() > deadline) return false;
      await wait(LOOK_MS);
    }
    return true;
  }

  /** `times` faults, each after a share of `total` (seeded) has the word; a share that does not come is not waited for long. */
  async at(times: number, word: 'accepted' | 'end', total: number, fault: (turn: number) => Promise<void>): Promise<void> {
    for (let turn = 0; turn < times; turn++) {
      const share = (turn + 0.2 + 0.6 * this.random.next()) / times;
      await this.reach(word, Math.floor(total * 0.9 * share), 10_000);
      await fault(turn);
    }
    this.faultOver();
  }

  async last(ms: number): Promise<void> {
    await wait(ms);
  }

  faultOver(): void {
    this.faultEndedAt = performance.now();
  }

  note(name: string, value: number | string): void {
    this.notes[name] = value;
  }

  /** By one process, as a deployment would: no row is about two that make them at once. */
  async #makeTables(): Promise<void> {
    const first = this.spawn('producer');
    await first.ready;
    await first.ask({ kind: 'count' });
    await first.end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.children.map((child) => child.end('SIGKILL')));
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    await this.host[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
