import type { IQueueBackend } from 'bullmq';
import type { NewJob } from './engine.ts';
import { toJobJson } from './job-json.ts';
import { isConnectionFailure } from './postgres-errors.ts';

/** One SQL statement takes this many at most. */
const MAX_BATCH = 1000;

interface Waiting {
  readonly job: NewJob;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Adds that are called in one tick share a statement (SQL engines: 9–15 times the rate on Postgres). When the
 * statement is refused each job is added alone, so that a bad one rejects only its own call; ids are ours, so a repeated
 * add stores one job. When the connection is lost all reject, and the driver's guard repeats them, together again.
 */
export class AddBatch {
  readonly #backend: IQueueBackend;
  #waiting: Waiting[] = [];

  constructor(backend: IQueueBackend) {
    this.#backend = backend;
  }

  add(job: NewJob): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += MAX_BATCH) void this.#send(waiting.slice(from, from + MAX_BATCH));
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#backend.addJobs(batch.map(({ job }) => ({ job: toJobJson(job), jobId: job.id })));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (batch.length === 1 || isConnectionFailure(error)) for (const { reject } of batch) reject(error);
      else await Promise.all(batch.map((one) => this.#send([one])));
    }
  }
}
