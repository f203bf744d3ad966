import { Queue, type IQueueBackend } from 'bullmq';
import { OxbowError } from '../errors.ts';
import { AddBatch } from './add-batch.ts';
import { BROADCAST_EVENT, BROADCAST_QUEUE, BroadcastFeed, KEPT_BROADCASTS } from './broadcast.ts';
import { changeData } from './data.ts';
import type { Driver } from './driver.ts';
import { endJob } from './end.ts';
import type {
  BullQueue,
  EndedHow,
  Engine,
  EngineFacts,
  EngineKind,
  EngineReading,
  FailedChild,
  FlowJob,
  JobPlace,
  Lane,
  LaneOptions,
  NewJob,
  Replies,
  StoredJob,
  StoreServer,
  UniqueAdded,
  UniqueRule,
  Transactions,
} from './engine.ts';
import { toJobJson } from './job-json.ts';
import type { ChildValue } from './job-store.ts';
import { BullLane } from './lane.ts';
import { toCallersError } from './refusal.ts';

/** Reads of many are made in pages of this many. */
const PAGE = 1000;

/** The engine over any driver: what BullMQ does the same on every backend. */
export class BullEngine implements Engine {
  readonly kind: EngineKind;
  readonly label: string;
  readonly laneSize: number;
  readonly feed: BroadcastFeed;
  readonly replies: Replies | undefined;
  readonly storeServer: StoreServer;
  readonly transactions: Transactions | undefined;
  readonly #driver: Driver;
  readonly #onOpen: (facts: EngineFacts) => void;
  readonly #queues = new Map<string, BullQueue>();
  readonly #batches = new Map<string, AddBatch>();
  #opening: Promise<EngineFacts> | undefined;
  #opened = false;
  #closing: Promise<void> | undefined;

  constructor(driver: Driver, onOpen: (facts: EngineFacts) => void) {
    this.#driver = driver;
    this.#onOpen = onOpen;
    this.kind = driver.kind;
    this.label = driver.label;
    this.laneSize = driver.laneSize;
    this.feed = new BroadcastFeed(driver.feed);
    this.replies = driver.replies;
    this.storeServer = guarded(driver.storeServer, (call) => this.#write(call));
    this.transactions =
      driver.transactions &&
      whenReady(driver.transactions, async () => {
        await this.#ready();
      });
  }

  get connected(): boolean | undefined {
    return this.#driver.connected;
  }

  open(): Promise<EngineFacts> {
    if (this.#closing !== undefined) return Promise.reject(new OxbowError('closed', `${this.label} has been closed.`));
    if (this.#opening === undefined) {
      const opening = this.#driver.open().then((facts) => {
        this.#onOpen(facts);
        return facts;
      });
      this.#opening = opening;
      opening.then(
        () => (this.#opened = true),
        () => (this.#opening = undefined),
      );
    }
    return this.#opening;
  }

  queue(name: string): BullQueue {
    const existing = this.#queues.get(name);
    if (existing !== undefined) return existing;
    const queue: BullQueue = new Queue(name, this.#driver.queueOptions(), this.#driver.backend);
    // Connection errors reach callers as rejections of their own calls.
    queue.on('error', () => undefined);
    this.#queues.set(name, queue);
    return queue;
  }

  async add(queue: string, job: NewJob): Promise<void> {
    await this.#write(() => (this.#driver.batches ? this.#batch(queue).add(job) : addOne(this.#backend(queue), job)));
  }

  async addUnique(job: NewJob & { readonly queue: string }, rule: UniqueRule): Promise<UniqueAdded> {
    return this.#write(() => this.#driver.store.addUnique(job, rule));
  }

  async uniqueTurn(key: string, place: JobPlace): Promise<boolean> {
    return this.#read(() => this.#driver.store.uniqueTurn(key, place));
  }

  async leaveUnique(key: string, place: JobPlace): Promise<void> {
    await this.#write(() => this.#driver.store.leaveUnique(key, place));
  }

  async addFlow(jobs: readonly FlowJob[]): Promise<void> {
    await this.#write(() => this.#driver.store.addFlow(jobs));
  }

  async replaceFailed(place: JobPlace, by: FlowJob): Promise<boolean> {
    return this.#write(() => this.#driver.store.replaceFailed(place, by));
  }

  async childValues(join: JobPlace, children: readonly JobPlace[]): Promise<readonly ChildValue[]> {
    return this.#inPages(children, (page) => this.#driver.store.childValues(join, page));
  }

  async failedChildren(join: JobPlace): Promise<readonly FailedChild[]> {
    return this.#read(() => this.#driver.store.failedChildren(join));
  }

  async find(queue: string, id: string): Promise<StoredJob | undefined> {
    const [job] = await this.findMany([{ queue, id }]);
    return job;
  }

  async findMany(places: readonly JobPlace[]): Promise<readonly (StoredJob | undefined)[]> {
    return this.#inPages(places, (page) => this.#driver.store.findMany(page));
  }

  async readQueues(queues: readonly string[]): Promise<readonly EngineReading[]> {
    return queues.length === 0 ? [] : this.#read(() => this.#driver.store.readQueues(queues));
  }

  async end(place: JobPlace, data: (stored: unknown) => unknown, reason: string, meanwhile?: () => Promise<void>): Promise<EndedHow> {
    await this.#ready();
    const { store, guard } = { store: this.#driver.store, guard: <T>(call: () => Promise<T>) => this.#driver.guard(call) };
    try {
      return await endJob({ store, guard, backend: this.#backend(place.queue) }, { place, data, reason, meanwhile });
    } catch (error) {
      throw toCallersError(error, this.label);
    }
  }

  async changeData(place: JobPlace, seen: unknown, change: (stored: unknown) => unknown): Promise<unknown> {
    const { store } = this.#driver;
    return changeData((known, next) => this.#write(() => store.swap(place, known, next)), seen, change);
  }

  async broadcast(message: string): Promise<void> {
    await this.#write(() => this.#backend(BROADCAST_QUEUE).publishEvent({ event: BROADCAST_EVENT, message }, KEPT_BROADCASTS));
  }

  async onBroadcast(listener: (message: string) => void, gap: () => void): Promise<() => void> {
    await this.#ready();
    return this.feed.hear(listener, gap);
  }

  async setPaused(name: string, paused: boolean): Promise<void> {
    const queue = this.queue(name);
    await this.#write(() => (paused ? queue.pause() : queue.resume()));
  }

  lane(options: LaneOptions): Lane {
    return new BullLane(options, this.#driver);
  }

  clockOffsetMs(): Promise<number | undefined> {
    return this.#driver.clockOffsetMs();
  }

  evictionPolicy(): Promise<string> {
    return this.#driver.evictionPolicy();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.feed.close();
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    await this.#driver.close();
  }

  /** Undefined when it is: calls are sent at once then, so that the server begins while the caller makes the next one. */
  #ready(): Promise<unknown> | undefined {
    return this.#opened && this.#closing === undefined ? undefined : this.open();
  }

  async #read<T>(call: () => Promise<T>): Promise<T> {
    const opening = this.#ready();
    if (opening !== undefined) await opening;
    return this.#driver.guard(call);
  }

  async #write<T>(call: () => Promise<T>): Promise<T> {
    const opening = this.#ready();
    if (opening !== undefined) await opening;
    try {
      return await this.#driver.guard(call);
    } catch (error) {
      throw toCallersError(error, this.label);
    }
  }

  async #inPages<From, To>(all: readonly From[], read: (page: readonly From[]) => Promise<readonly To[]>): Promise<readonly To[]> {
    if (all.length <= PAGE) return all.length === 0 ? [] : this.#read(() => read(all));
    const found: To[] = [];
    for (let from = 0; from < all.length; from += PAGE) {
      const page = all.slice(from, from + PAGE);
      for (const one of await this.#read(() => read(page))) found.push(one);
    }
    return found;
  }

  #backend(queue: string): IQueueBackend {
    return this.queue(queue).getBackend();
  }

  #batch(queue: string): AddBatch {
    let batch = this.#batches.get(queue);
    if (batch === undefined) {
      batch = new AddBatch(this.#backend(queue));
      this.#batches.set(queue, batch);
    }
    return batch;
  }
}

function whenReady(transactions: Transactions, ready: () => Promise<void>): Transactions {
  return {
    run: async (work) => {
      await ready();
      return transactions.run(work);
    },
    add: async (tx, jobs) => {
      await ready();
      return transactions.add(tx, jobs);
    },
    has: async (tx, place) => {
      await ready();
      return transactions.has(tx, place);
    },
    assertOutside: () => transactions.assertOutside(),
  };
}

async function addOne(backend: IQueueBackend, job: NewJob): Promise<void> {
  await backend.addJob(toJobJson(job), job.id);
}

function guarded(server: StoreServer, guard: <T>(call: () => Promise<T>) => Promise<T>): StoreServer {
  return server.kind === 'redis'
    ? { ...server, run: (lua, args) => guard(() => server.run(lua, args)) }
    : { ...server, query: (text, params) => guard(() => server.query(text, params)) };
}
