import { AsyncResource } from 'node:async_hooks';
import type { Engine, JobPlace, StoredJob } from '../engine/engine.ts';
import { publicId } from '../task/id.ts';

/** Small enough that the event loop turns between two pages. */
const PAGE = 250;

interface LookUp extends JobPlace {
  readonly waiting: { readonly resolve: (job: StoredJob | undefined) => void; readonly reject: (error: unknown) => void }[];
}

/** Reads single jobs for many readers, a page at a time: what is asked for meanwhile shares the next one. */
export class LookUps {
  readonly #engine: Engine;
  /** By public id. */
  readonly #wanted = new Map<string, LookUp>();
  /** Who asks first reads for others: not inside a transaction of its own. */
  readonly #start = AsyncResource.bind(() => void this.#readAll());
  #isReading = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The job as it is after the call. @throws EngineUnavailableError */
  find({ queue, id }: JobPlace): Promise<StoredJob | undefined> {
    return new Promise((resolve, reject) => {
      const key = publicId(id, queue);
      let lookUp = this.#wanted.get(key);
      if (lookUp === undefined) this.#wanted.set(key, (lookUp = { queue, id, waiting: [] }));
      lookUp.waiting.push({ resolve, reject });
      if (this.#isReading) return;
      this.#isReading = true;
      queueMicrotask(this.#start);
    });
  }

  async #readAll(): Promise<void> {
    while (this.#wanted.size > 0) await this.#readPage();
    this.#isReading = false;
  }

  async #readPage(): Promise<void> {
    const page: LookUp[] = [];
    for (const [key, lookUp] of this.#wanted) {
      if (page.length === PAGE) break;
      page.push(lookUp);
      this.#wanted.delete(key);
    }
    try {
      const found = await this.#engine.findMany(page);
      for (const [at, { waiting }] of page.entries()) for (const { resolve } of waiting) resolve(found[at]);
    } catch (error) {
      for (const { waiting } of page) for (const { reject } of waiting) reject(error);
    }
  }
}
