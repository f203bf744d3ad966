import { Queue, type IQueueBackend, type JobJson } from 'bullmq';
import { OxbowError } from '../errors.ts';
import { AddBatch } from './add-batch.ts';
import type { Driver } from './driver.ts';
import type { BullQueue, Engine, EngineFacts, EngineKind, EventFeed, Lane, LaneOptions, NewJob, StoredJob } from './engine.ts';
import { toJobJson, toStoredJob } from './job-json.ts';
import { BullLane } from './lane.ts';
import { toCallersError } from './refusal.ts';

/** The engine over any driver: what BullMQ does the same on every backend. */
export class BullEngine implements Engine {
  readonly kind: EngineKind;
  readonly label: string;
  readonly laneSize: number;
  readonly feed: EventFeed;
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
    this.feed = driver.feed;
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
    if (!this.#opened || this.#closing !== undefined) await this.open();
    try {
      await this.#driver.guard(() => (this.#driver.batches ? this.#batch(queue).add(job) : addOne(this.#backend(queue), job)));
    } catch (error) {
      throw toCallersError(error, this.label);
    }
  }

  async find(queue: string, id: string): Promise<StoredJob | undefined> {
    if (!this.#opened || this.#closing !== undefined) await this.open();
    const backend = this.#backend(queue);
    const [state, job] = await this.#driver.guard(() => (this.kind === 'postgres' ? inTurn(backend, id) : atOnce(backend, id)));
    return job === undefined ? undefined : toStoredJob(queue, id, state, job);
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

function atOnce(backend: IQueueBackend, id: string): Promise<[string, JobJson | undefined]> {
  return Promise.all([backend.getState(id), backend.getJobData(id)]);
}

/** On different connections the data could be older than the state: a job that has ended, without its result. */
async function inTurn(backend: IQueueBackend, id: string): Promise<[string, JobJson | undefined]> {
  const state = await backend.getState(id);
  return [state, await backend.getJobData(id)];
}

async function addOne(backend: IQueueBackend, job: NewJob): Promise<void> {
  await backend.addJob(toJobJson(job), job.id);
}
