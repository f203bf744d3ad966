import * as z from 'zod/mini';
import type { Engine } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { fromText, type FleetWorker } from '../fleet/fleet-worker.ts';
import type { Command } from '../fleet/message.ts';
import { settingsOf } from '../policies/capability.ts';
import { parseRateLimitChange, rateLimit, type RateLimitChange } from '../policies/rate-limit.ts';
import type { RateLimit } from '../store/rates.ts';
import type { Stores } from '../store/stores.ts';
import type { CancelOptions } from '../task/cancel-options.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { parsePublicId } from '../task/id.ts';
import { assertName } from '../task/name.ts';
import { parseOptions } from '../task/options.ts';
import { callFleet, type FleetReply } from './fleet-call.ts';
import { JobHandle, type HandleSource } from './handle.ts';

export interface FleetCallOptions {
  /** Id of one worker, or ids of some. @defaultValue every worker that the call is about */
  readonly worker?: string | readonly string[];
  /** How long answers are waited for. @defaultValue '2s' */
  readonly timeout?: Duration;
}

/** What the workers that have answered are doing now. */
export interface FleetStats extends FleetReply {
  readonly workers: readonly FleetWorker[];
}

export interface FleetSource {
  readonly engine: Engine;
  readonly stores: Pick<Stores, 'workers' | 'rates'>;
  readonly task: (name: string) => TaskDefinition | undefined;
  readonly handles: HandleSource;
  /** Aborts when the app is closed. */
  readonly closed: AbortSignal;
}

const PAGE = 200;
const MAX_SLOTS = 1000;
const TIMEOUT_MS = 2000;
const MOST_TIMEOUT_MS = 600_000;

const callOptions = z.strictObject({
  worker: z.optional(z.union([z.string(), z.array(z.string()).check(z.minLength(1))])),
  timeout: z.optional(durationOption),
});

/**
 * The running workers of an app, in all processes. A call resolves as soon as every worker that it is about has answered, or after `timeout`, and
 * says who has not. What a worker was told lasts as long as it runs; what is said to last longer lies in the engine.
 *
 * Every call rejects with OxbowError `invalid_options`, `closed`, `unknown_worker` (no running worker has the id, or serves the queue), and with
 * EngineUnavailableError.
 */
export class Fleet {
  readonly #source: FleetSource;

  /** @internal */
  constructor(source: FleetSource) {
    this.#source = source;
  }

  /**
   * Who runs now, by id: every worker from its start to the end of its drain. One that has died is there until its lease is over
   * (`createApp({ fleet: { lease } })`). One round trip for each 200 of them.
   */
  async workers(): Promise<readonly FleetWorker[]> {
    const found: FleetWorker[] = [];
    for (let after = ''; ;) {
      const page = await this.#source.stores.workers.page(after, PAGE);
      for (const stored of page) {
        const worker = fromText(stored);
        if (worker !== undefined) found.push(worker);
      }
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) return found;
      after = last.id;
    }
  }

  /** Whose event loop turns, and hears the engine: `latencyMs` says how fast. */
  async ping(options?: FleetCallOptions): Promise<FleetReply> {
    return this.#call('ping', { kind: 'ping' }, options);
  }

  /** What workers are doing now, and not at their last beat. */
  async stats(options?: FleetCallOptions): Promise<FleetStats> {
    const reply = await this.#call('stats', { kind: 'stats' }, options);
    const answered = new Set(reply.answers.map(({ worker }) => worker));
    return { ...reply, workers: (await this.workers()).filter(({ id }) => answered.has(id)) };
  }

  /**
   * Nobody starts a job of the queue until `resume`; running ones go on. Without `worker` it is BullMQ's own pause, which lies in the engine: workers that
   * start later hold to it, too, and `answers` is empty. With `worker` those alone do not fetch, as long as they run.
   */
  async pause(queue: string, options?: FleetCallOptions): Promise<FleetReply> {
    assertName('queue', queue);
    if (this.#parse('pause', options).worker !== undefined) return this.#call('pause', { kind: 'pause', queue }, options);
    await this.#source.engine.setPaused(queue, true);
    return { answers: [], silent: [] };
  }

  /** Ends what `pause` began. Without `worker` the pause that lies in the engine, and that of every worker. */
  async resume(queue: string, options?: FleetCallOptions): Promise<FleetReply> {
    assertName('queue', queue);
    const everywhere = this.#parse('resume', options).worker === undefined;
    if (everywhere) await this.#source.engine.setPaused(queue, false);
    return this.#call('resume', { kind: 'resume', queue }, options, everywhere ? queue : undefined);
  }

  /**
   * How many jobs of the queue run at a time, in each of the workers that serve it, or in those of `worker`, as long as they run: `worker.resize`. A
   * worker that was made with a `pool` refuses.
   */
  async resize(queue: string, slots: number, options?: FleetCallOptions): Promise<FleetReply> {
    assertName('queue', queue);
    if (!Number.isInteger(slots) || slots < 1 || slots > MAX_SLOTS)
      throw new OxbowError('invalid_options', `app.fleet.resize(): slots must be a whole number from 1 to ${MAX_SLOTS}.`);
    return this.#call('resize', { kind: 'resize', queue, slots }, options, queue);
  }

  /** Workers drain: they end as after `worker.drain()`. An answer says that the drain has begun; who has drained is no longer among `workers()`. */
  async drain(options?: FleetCallOptions): Promise<FleetReply> {
    return this.#call('drain', { kind: 'drain' }, options);
  }

  /**
   * Workers drain, and the process of each that was `run()` closes its app and ends, as at SIGTERM. One that was `start()`ed does not own its process,
   * which goes on: `endsProcess` says which. Answers come when the drain has begun.
   */
  async shutdown(options?: FleetCallOptions): Promise<FleetReply> {
    return this.#call('shutdown', { kind: 'shutdown' }, options);
  }

  /** `app.handle(id).cancel(options)`. @throws OxbowError `unknown_job` when the id has not the right form, and as `cancel` */
  async cancel(id: string, options?: string | CancelOptions): Promise<boolean> {
    const { jobId, queue } = parsePublicId(id);
    return new JobHandle(this.#source.handles, queue, jobId).cancel(options);
  }

  /**
   * How often jobs of a task that has a `rateLimit` may start, for each of its keys and on every worker, those that start later too, until it is changed
   * again; `undefined`: what the task itself says. It counts from the next start on. A job that was put back already comes at the time that it was given,
   * and starts then if the new limit lets it.
   * @throws OxbowError `unknown_task` for one that this app does not declare; `invalid_options`, also for a task without `rateLimit`
   */
  async rateLimit(task: string, limit: RateLimitChange | undefined): Promise<void> {
    const definition = this.#source.task(task);
    if (definition === undefined)
      throw new OxbowError('unknown_task', `app.fleet.rateLimit(): this app declares no task "${task}"; a contract will do.`);
    if (settingsOf(definition, rateLimit) === undefined)
      throw new OxbowError('invalid_options', `app.fleet.rateLimit(): task "${task}" has no rateLimit, so its jobs ask for none.`);
    await this.#source.stores.rates.override(
      task,
      limit === undefined ? undefined : parseRateLimitChange(limit, 'app.fleet.rateLimit(): limit'),
    );
  }

  /** The limits that `rateLimit` has set, by task. */
  async rateLimits(): Promise<ReadonlyMap<string, RateLimit>> {
    return this.#source.stores.rates.overrides();
  }

  /**
   * Level of the app's logger in the processes of workers, until they end; `undefined`: the one that each had at first. Loggers that exist already, such as
   * `ctx.log` of a running attempt, keep theirs.
   */
  async logLevel(level: string | undefined, options?: FleetCallOptions): Promise<FleetReply> {
    if (level !== undefined && typeof level !== 'string')
      throw new OxbowError('invalid_options', 'app.fleet.logLevel() takes a level of the logger, or undefined.');
    return this.#call('logLevel', { kind: 'logLevel', level: level ?? null }, options);
  }

  #parse(
    call: string,
    options: FleetCallOptions | undefined,
  ): { readonly worker: readonly string[] | undefined; readonly timeoutMs: number } {
    const what = `app.fleet.${call}()`;
    const { worker, timeout } = parseOptions(callOptions, options ?? {}, what);
    const timeoutMs = timeout === undefined ? TIMEOUT_MS : parseDuration(timeout, `${what}: timeout`);
    if (timeoutMs < 1 || timeoutMs > MOST_TIMEOUT_MS) throw new OxbowError('invalid_options', `${what}: timeout must be 1 ms to 10 min.`);
    return { worker: typeof worker === 'string' ? [worker] : worker, timeoutMs };
  }

  /** @param queue - told to none but those that serve it, or are named. */
  async #call(name: string, command: Command, options: FleetCallOptions | undefined, queue?: string): Promise<FleetReply> {
    const { engine, closed } = this.#source;
    const { worker: wanted, timeoutMs } = this.#parse(name, options);
    const registered = await this.workers();
    if (wanted !== undefined) assertKnown(wanted, registered);
    const about = queue === undefined ? registered : registered.filter(({ queues }) => Object.hasOwn(queues, queue));
    if (command.kind === 'resize' && wanted === undefined && about.length === 0)
      throw new OxbowError('unknown_worker', `No running worker serves the queue "${command.queue}".`);
    const expected = wanted ?? about.map(({ id }) => id);
    return callFleet(engine, { command, expected, only: wanted !== undefined || queue !== undefined, timeoutMs }, closed);
  }
}

function assertKnown(wanted: readonly string[], registered: readonly FleetWorker[]): void {
  const known = new Set(registered.map(({ id }) => id));
  const unknown = wanted.find((id) => !known.has(id));
  if (unknown !== undefined)
    throw new OxbowError('unknown_worker', `No running worker has the id "${unknown}": it has ended, or died. Nobody was told anything.`);
}
