import * as z from 'zod/mini';
import type { JobPlace, StoredJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { failureIn } from '../execution/gathering.ts';
import type { Redact } from '../log.ts';
import type { SignalBus } from '../signals.ts';
import type { DeadLetterCursor, DeadLetterEntry, DeadLetterFilter } from '../store/dead-letters.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { parseOptions } from '../task/options.ts';
import { toDeadLetter, toDeadLetterGroup, type DeadLetter, type DeadLetterGroup } from './dead-letter.ts';
import { announce } from '../execution/announcement.ts';
import { JobHandle, type HandleSource } from './handle.ts';
import { fromCursor, toCursor } from './dead-letter-cursor.ts';
import { paced, rateOption, type Rate } from './pace.ts';
import { replayJob, replayPlace, type ReplaySource } from './replay.ts';

/** Which dead letters; all of what is given must fit. */
export interface DeadLetterSelection {
  readonly task?: string;
  readonly queue?: string;
  readonly fingerprint?: string;
}

export interface DeadLetterListOptions extends DeadLetterSelection {
  /** `next` of the page before. */
  readonly before?: string;
  /** 1–1000. @defaultValue 50 */
  readonly limit?: number;
}

export interface DeadLetterPage {
  /** Newest first. */
  readonly letters: readonly DeadLetter[];
  /** For the next page; undefined: this was the last one. */
  readonly next: string | undefined;
}

export interface ReplayOptions {
  /** Instead of the letter's own, in the form that producers give. */
  readonly input?: unknown;
  /** Not before this long from now. @defaultValue 0 */
  readonly delay?: Duration;
}

export interface ReplayManyOptions extends DeadLetterSelection {
  /** How fast: `'10/s'`, `'100/m'`, or `{ limit: 10, per: '1s' }`. @defaultValue '10/s' */
  readonly rate?: Rate;
  /** How many at most. @defaultValue all that are there when it begins */
  readonly max?: number;
  /** Stops it; it then resolves with what was done. */
  readonly signal?: AbortSignal;
}

export interface ReplayedMany {
  readonly replayed: number;
  /** Letters that cannot be replayed one by one: members of runs, and jobs whose data cannot be read. */
  readonly skipped: number;
}

export interface PurgeOptions extends DeadLetterSelection {
  /** Only those that are dead for longer. */
  readonly older?: Duration;
  /** Only these, by public id; excludes all else. */
  readonly ids?: readonly string[];
}

/** What dead letters of one app share. */
export interface DeadLetterSource extends ReplaySource {
  readonly handles: HandleSource;
  readonly signals: SignalBus;
  readonly redact: Redact;
}

const PAGE = 500;

const selection = { task: z.optional(z.string()), queue: z.optional(z.string()), fingerprint: z.optional(z.string()) };
const listOptions = z.strictObject({
  ...selection,
  before: z.optional(z.string()),
  limit: z.optional(z.int().check(z.gte(1), z.lte(1000))),
});
const replayOptions = z.strictObject({ input: z.optional(z.unknown()), delay: z.optional(durationOption) });
const replayManyOptions = z.strictObject({
  ...selection,
  rate: z.optional(rateOption),
  max: z.optional(z.int().check(z.gte(1))),
  signal: z.optional(z.instanceof(AbortSignal)),
});
const purgeOptions = z.strictObject({ ...selection, older: z.optional(durationOption), ids: z.optional(z.array(z.string())) });

/** The jobs of an app that have finally failed, kept until they are replayed, purged, or past their age. */
export class DeadLetters {
  readonly #source: DeadLetterSource;

  /** @internal */
  constructor(source: DeadLetterSource) {
    this.#source = source;
  }

  /** A page of them, newest first. Two round trips. @throws OxbowError `invalid_options`; EngineUnavailableError */
  async list(options: DeadLetterListOptions = {}): Promise<DeadLetterPage> {
    const { before, limit = 50, ...filter } = parseOptions(listOptions, options, 'deadLetters.list()');
    const letters: DeadLetter[] = [];
    let cursor = before === undefined ? undefined : fromCursor(before);
    for (;;) {
      const wanted = limit - letters.length;
      const page = await this.#page(filter, cursor, wanted);
      for (const { job, entry } of page.found) letters.push(toDeadLetter(job, entry, this.#source.redact));
      cursor = page.last;
      if (cursor === undefined) return { letters, next: undefined };
      if (letters.length >= limit) return { letters, next: toCursor(cursor) };
    }
  }

  /** By error, the most recent first. One round trip. @throws EngineUnavailableError */
  async groups(): Promise<readonly DeadLetterGroup[]> {
    return (await this.#source.store.groups()).map((group) => toDeadLetterGroup(group, this.#source.redact));
  }

  /** Undefined when the job is no dead letter, or not any more. @throws OxbowError `unknown_job` for what is no public id; EngineUnavailableError */
  async get(id: string): Promise<DeadLetter | undefined> {
    const place = toPlace(id);
    const { engine, store, redact } = this.#source;
    const [entry, job] = await Promise.all([store.find(id), engine.find(place.queue, place.id)]);
    return entry === undefined || job?.state !== 'failed' ? undefined : toDeadLetter(job, entry, redact);
  }

  /**
   * Enqueues the job again as a new one, with all its attempts, in the letter's place: the letter is gone when the job is there. Its id
   * is computed, so a letter that is replayed twice is one job, and the handle is that job's.
   * @throws InvalidInputError, SerializationError for an input that does not fit; OxbowError `in_a_run` for a member of a run,
   * `unknown_job` when there is no such letter, `unknown_task`, `malformed`, `invalid_options`; EngineUnavailableError
   */
  async replay<Result = unknown>(id: string, options: ReplayOptions = {}): Promise<JobHandle<Result>> {
    const { delay = 0, input } = parseOptions(replayOptions, options, 'deadLetters.replay()');
    const delayMs = parseDuration(delay, 'deadLetters.replay(): delay');
    const place = toPlace(id);
    const { engine } = this.#source;
    const job = await engine.find(place.queue, place.id);
    const again =
      job !== undefined && isDead(job)
        ? await this.#replay(job, { input: Object.hasOwn(options, 'input') ? { value: input } : undefined, delayMs })
        : undefined;
    const { queue, id: jobId } = again ?? replayPlace(place);
    if (again === undefined && (await engine.find(queue, jobId)) === undefined)
      throw new OxbowError('unknown_job', `There is no dead letter ${id}: the id is wrong, or it was replayed, purged, or past its age.`);
    return new JobHandle<Result>(this.#source.handles, queue, jobId);
  }

  /**
   * Replays one after the other, newest first, not faster than `rate`. What it has replayed is no dead letter any more, so after a
   * crash, or a stop, calling it again goes on with the rest. Those that die again meanwhile are left.
   * @throws OxbowError `invalid_options`, `closed`; EngineUnavailableError
   */
  async replayMany(options: ReplayManyOptions = {}): Promise<ReplayedMany> {
    const {
      rate = '10/s',
      max = Number.POSITIVE_INFINITY,
      signal,
      ...filter
    } = parseOptions(replayManyOptions, options, 'deadLetters.replayMany()');
    const turn = paced(rate as Rate, [signal, this.#source.handles.closed]);
    const done = { replayed: 0, skipped: 0 };
    let cursor: DeadLetterCursor | undefined;
    do {
      const page = await this.#page(filter, cursor, PAGE);
      for (const { job } of page.found) {
        if (done.replayed >= max || !(await turn())) return done;
        const again = await this.#replay(job, { input: undefined, delayMs: 0 }).catch(unlessRefused);
        if (again === 'refused') done.skipped++;
        else if (again !== undefined) done.replayed++;
      }
      cursor = page.last;
    } while (cursor !== undefined);
    return done;
  }

  /**
   * Removes dead letters, and their jobs, for good; returns how many. One thing at least must be said: `{ older: 0 }` means all.
   * @throws OxbowError `invalid_options`; EngineUnavailableError
   */
  async purge(options: PurgeOptions): Promise<number> {
    const { older, ids, ...filter } = parseOptions(purgeOptions, options, 'deadLetters.purge()');
    const said = Object.values({ older, ...filter }).filter((value) => value !== undefined).length;
    if ((ids === undefined) === (said === 0))
      throw new OxbowError('invalid_options', 'deadLetters.purge() takes ids, or what to select by; { older: 0 } selects all.');
    const { store } = this.#source;
    if (ids !== undefined) return store.purge(ids);
    const ageMs = older === undefined ? 0 : parseDuration(older, 'deadLetters.purge(): older');
    let cursor: DeadLetterCursor | undefined = ageMs === 0 ? undefined : { at: Date.now() - ageMs, id: '' };
    let removed = 0;
    for (;;) {
      const entries = await store.page({ ...filter, before: cursor, limit: PAGE });
      removed += await store.purge(entries.map(({ id }) => id));
      cursor = entries.at(-1);
      if (cursor === undefined || entries.length < PAGE) return removed;
    }
  }

  async #replay(job: StoredJob, replay: Parameters<typeof replayJob>[2]): ReturnType<typeof replayJob> {
    const again = await replayJob(this.#source, job, replay);
    if (again !== undefined) announce(this.#source.signals, again.queue, again);
    return again;
  }

  /** Entries whose jobs are there. One whose job is gone, or has succeeded after all, is forgotten; one that has not failed yet is left. */
  async #page(filter: DeadLetterFilter, before: DeadLetterCursor | undefined, limit: number): Promise<Page> {
    const { engine, store } = this.#source;
    const entries = await store.page({ ...filter, before, limit });
    const jobs = await engine.findMany(entries.map(({ id }) => toPlace(id)));
    const stale = entries.filter((_, i) => jobs[i] === undefined || jobs[i].state === 'completed');
    await store.forget(stale.map(({ id }) => id));
    const found = entries.flatMap((entry, i) => (jobs[i]?.state === 'failed' ? [{ entry, job: jobs[i] }] : []));
    return { found, last: entries.length < limit ? undefined : entries.at(-1) };
  }
}

interface Page {
  readonly found: readonly { readonly entry: DeadLetterEntry; readonly job: StoredJob }[];
  /** Undefined: there are no more. */
  readonly last: DeadLetterCursor | undefined;
}

/** Cancelled and expired jobs are none. */
function isDead(job: StoredJob): boolean {
  return job.state === 'failed' && failureIn(job)?.end === undefined;
}

/** Jobs of other producers may have any id. @throws OxbowError `unknown_job` */
function toPlace(id: string): JobPlace {
  const at = typeof id === 'string' ? id.lastIndexOf('@') : -1;
  if (at < 1) throw new OxbowError('unknown_job', 'The id of a dead letter has the form <jobId>@<queue>.');
  return { id: id.slice(0, at), queue: id.slice(at + 1) };
}

function unlessRefused(error: unknown): 'refused' {
  if (OxbowError.is(error) && REFUSALS.has(error.code)) return 'refused';
  throw error;
}

const REFUSALS: ReadonlySet<string> = new Set(['in_a_run', 'malformed', 'serialization', 'payload_too_large']);
