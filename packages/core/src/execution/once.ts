import { crashpoint } from '../crashpoint.ts';
import type { ActiveJob } from '../engine/engine.ts';
import { OxbowError, ResultTooLargeError } from '../errors.ts';
import { storeKey } from '../policies/key.ts';
import type { StepStore } from '../store/steps.ts';
import type { Stores } from '../store/stores.ts';
import { publicId } from '../task/id.ts';
import { byteLength, encodePayload, type PayloadLimits } from '../task/payload.ts';

/** Of a job that has not succeeded, from its last step on. */
const KEPT_MS = 7 * 86_400_000;
/** Of a step that gave undefined. */
const NOTHING = '';

/** What steps need of a worker. */
export interface OnceSettings {
  readonly stores: Pick<Stores, 'steps'>;
  readonly limits: PayloadLimits;
  readonly maxResultBytes: number;
}

/** What the steps of a job are known by. */
export function stepsKey(id: string): string {
  return storeKey('once', id);
}

/** The steps of one job, in one of its attempts. What a first start finds nothing of is not looked for. */
export class OnceSteps {
  readonly #job: ActiveJob;
  readonly #key: string;
  readonly #store: StepStore;
  readonly #limits: PayloadLimits;
  readonly #maxBytes: number;
  readonly #running = new Map<string, Promise<unknown>>();
  #recorded: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(job: ActiveJob, { stores, limits, maxResultBytes }: OnceSettings) {
    this.#job = job;
    this.#key = stepsKey(publicId(job.id, job.queue));
    this.#store = stores.steps;
    this.#limits = { ...limits, bytes: Number.MAX_SAFE_INTEGER };
    this.#maxBytes = maxResultBytes;
  }

  /** @param item - of a job that runs its handler on many: which one. */
  run(step: string, fn: () => unknown, item: number | undefined): Promise<unknown> {
    const field = storeKey(item === undefined ? 'ctx.once()' : `ctx.once() of item ${item}`, step);
    if (typeof fn !== 'function') throw new OxbowError('invalid_options', `ctx.once(${JSON.stringify(step)}) takes a function.`);
    let running = this.#running.get(field);
    if (running === undefined) {
      running = this.#once(step, field, fn);
      this.#running.set(field, running);
      // One that was refused may be tried again in this attempt.
      running.catch(() => this.#running.delete(field));
    }
    return running;
  }

  /** The job has succeeded. */
  forget(): void {
    this.#store.forget(this.#key).catch(() => undefined);
  }

  async #once(step: string, field: string, fn: () => unknown): Promise<unknown> {
    const before = (await this.#before())?.get(field);
    if (before !== undefined) return decode(before);
    const text = this.#encode(step, await fn());
    crashpoint('step-before-record');
    const standing = await this.#store.record({ job: this.#key, step: field, text, ttlMs: KEPT_MS });
    crashpoint('step-recorded-before-next');
    return decode(standing);
  }

  #before(): Promise<ReadonlyMap<string, string>> | undefined {
    if (this.#job.attemptsStarted === 1) return undefined;
    if (this.#recorded === undefined) {
      this.#recorded = this.#store.read(this.#key);
      this.#recorded.catch(() => (this.#recorded = undefined));
    }
    return this.#recorded;
  }

  #encode(step: string, value: unknown): string {
    if (value === undefined) return NOTHING;
    const text = encodePayload(value, `once.${step}`, this.#limits);
    const bytes = byteLength(text, this.#maxBytes);
    if (bytes > this.#maxBytes) throw new ResultTooLargeError(this.#job.name, bytes, this.#maxBytes, step);
    return text;
  }
}

function decode(text: string): unknown {
  return text === NOTHING ? undefined : (JSON.parse(text) as unknown);
}
