import type { ConnectionOptions } from 'node:tls';
import * as z from 'zod/mini';
import type { BackgroundSettings } from './client/background.ts';
import type { QueuePriorities } from './client/enqueue.ts';
import { OxbowError } from './errors.ts';
import type { Logger } from './log.ts';
import { DEFAULT_MAX_CRASHES } from './policies/crash-limit.ts';
import { resolveLimit } from './policies/time-limits.ts';
import { DEFAULT_UNKNOWN_TASK_GRACE_MS } from './policies/unknown-task.ts';
import type { ResultStore } from './results/result-store.ts';
import type { DeadLetterLimits } from './store/dead-letters.ts';
import type { FinishedKind, KeepLimits } from './store/retention.ts';
import { WORKER_LEASE_MS } from './store/workers.ts';
import { durationOption, parseDuration, type Duration } from './task/duration.ts';
import { assertName } from './task/name.ts';
import { parseOptions } from './task/options.ts';
import { DEFAULT_LIMITS, type PayloadLimits } from './task/payload.ts';

/** How long dead letters are kept, by whichever is reached first. */
export interface DeadLetterRetention {
  readonly age?: Duration;
  readonly count?: number;
}

/** How much `app.background` takes. */
export interface BackgroundOptions {
  /** Calls that run at a time, 1–1000. @defaultValue 10 */
  readonly concurrency?: number;
  /** Calls that wait for that, 0–10,000; one more is refused (`background_full`). @defaultValue 1000 */
  readonly waiting?: number;
  /** How long `app.close()`, and the drain of a worker, waits for them. @defaultValue '5s' */
  readonly drain?: Duration;
}

/** How long the fleet believes what it was told. */
export interface FleetOptions {
  /**
   * A worker that has not been heard of for so long is gone; it beats three times in that time. 1 s to 10 min; a worker whose event loop is blocked
   * for longer is not seen meanwhile. @defaultValue '15s'
   */
  readonly lease?: Duration;
}

/** A result store, and how long it keeps what. */
export interface ResultStoreOptions {
  readonly store: ResultStore;
  /** A result is deleted after this, though its job is there: who asks for it gets `result_gone`. @defaultValue none: it goes with its job */
  readonly ttl?: Duration;
  /** What no job refers to is left for so long after it was written. @defaultValue '1h' */
  readonly grace?: Duration;
  /** How often the store is looked through. @defaultValue '10m' */
  readonly sweepEvery?: Duration;
}

/** What is kept of the finished jobs of a queue, by whichever is reached first. */
export interface RetentionOptions extends DeadLetterRetention {
  /** What they take together, as the engine stores them. To know it, all of them are looked at once a minute. */
  readonly bytes?: number;
}

/** What is kept of finished jobs in a queue. `failed` is of those that are no dead letters, `cancelled` of expired ones too. */
export interface FinishedRetention {
  readonly succeeded?: RetentionOptions;
  readonly failed?: RetentionOptions;
  readonly cancelled?: RetentionOptions;
}

/** What an app declares of a queue. */
export interface QueueDeclaration extends QueuePriorities {
  /** @defaultValue for each kind, the app's `retention` */
  readonly retention?: FinishedRetention;
}

export interface AppOptions {
  /** Part of every key: two apps on one server do not see each other. */
  readonly name: string;
  /**
   * Which engine: `embedded:`, `embedded:./directory`, `redis://…`, `redis+sentinel://…/master`, `redis+cluster://…`
   * (`rediss…` over TLS).
   * @defaultValue OXBOW_URL, else `embedded:` (in memory) unless NODE_ENV is `production`
   */
  readonly url?: string;
  /** Options of queues, by name. Other queues may be used without being declared. */
  readonly queues?: Readonly<Record<string, QueueDeclaration>>;
  /** Of one payload. @defaultValue 256 KiB, depth 32, 10,000 keys */
  readonly limits?: Partial<PayloadLimits>;
  /** Bytes of one result that the engine keeps. @defaultValue 65536 */
  readonly maxResultBytes?: number;
  /** Where results go that are larger, or are bytes; `@oxbow/results` has some. @defaultValue none: they are refused */
  readonly results?: ResultStore | ResultStoreOptions;
  /** A job that ended its worker so often is failed instead of started again. @defaultValue 3 */
  readonly maxCrashes?: number;
  /** How long jobs of unknown tasks wait for a worker that knows them. @defaultValue '10m' */
  readonly unknownTaskGrace?: Duration;
  /**
   * What is kept of finished jobs, in each queue that does not say so itself.
   * @defaultValue succeeded: 24 h and 10,000; failed: 30 days; cancelled: as failed
   */
  readonly retention?: FinishedRetention;
  /** How long dead letters are kept, in all queues together; false: there are none. @defaultValue 14 days and 10,000 */
  readonly deadLetters?: false | DeadLetterRetention;
  /**
   * Jobs that end are counted in the engine, by queue, in the step that ends them: what `queue_jobs_finished_total` of `@oxbow/metrics` shows.
   * It takes Redis about 2.4 µs a job. All processes of an app should say the same.
   * @defaultValue false
   */
  readonly finishedCounters?: boolean;
  /** Of `app.background`. */
  readonly background?: BackgroundOptions;
  /** Of the registry of workers. */
  readonly fleet?: FleetOptions;
  /** Producers' calls reject when the engine cannot be reached for so long. @defaultValue '5s' */
  readonly connectTimeout?: Duration;
  /** For `rediss` and `postgres` URLs: a private CA, client certificates, as Node's tls.connect takes them. */
  readonly tls?: ConnectionOptions;
  /** What a Redis that may evict keys does to the start: nothing, a warning, an error. @defaultValue 'warn' */
  readonly evictionPolicy?: 'ignore' | 'warn' | 'error';
  /** Refuses what is only warned of otherwise: a task that is retried and says nothing of `idempotency`. @defaultValue false */
  readonly strict?: boolean;
  /** A pino logger of yours. @defaultValue one that writes to stdout: JSON, or pretty on a terminal */
  readonly logger?: Logger;
  /** Of the default logger. @defaultValue OXBOW_LOG_LEVEL, else 'info' */
  readonly logLevel?: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** More paths whose values the default logger hides, in pino's syntax. */
  readonly redact?: readonly string[];
}

export interface ResultSettings {
  readonly store: ResultStore;
  readonly ttlMs: number | undefined;
  readonly graceMs: number;
  readonly everyMs: number;
}

export interface AppSettings {
  readonly name: string;
  readonly url: string;
  readonly queues: ReadonlyMap<string, QueueDeclaration>;
  readonly limits: PayloadLimits;
  readonly maxResultBytes: number;
  /** Undefined: there is none. */
  readonly results: ResultSettings | undefined;
  readonly maxCrashes: number;
  readonly unknownTaskGraceMs: number;
  readonly retention: Readonly<Record<FinishedKind, KeepLimits>>;
  /** Of queues that have their own. */
  readonly queueRetention: ReadonlyMap<string, Readonly<Record<FinishedKind, KeepLimits>>>;
  /** Undefined: there are none. */
  readonly deadLetters: DeadLetterLimits | undefined;
  readonly redact: readonly string[];
  readonly finishedCounters: boolean;
  readonly background: BackgroundSettings;
  readonly leaseMs: number;
  readonly connectTimeoutMs: number;
  readonly tls: ConnectionOptions | undefined;
  readonly evictionPolicy: 'ignore' | 'warn' | 'error';
  readonly strict: boolean;
}

const retention = z.strictObject({
  age: z.optional(durationOption),
  count: z.optional(z.int().check(z.gte(0))),
  bytes: z.optional(z.int().check(z.gte(0))),
});
const finishedRetention = z.strictObject({
  succeeded: z.optional(retention),
  failed: z.optional(retention),
  cancelled: z.optional(retention),
});
const limit = z.int().check(z.gte(1));

const resultStore = z.custom<ResultStore>(isResultStore, 'must be a result store, like those of @oxbow/results');
const results = z.union([
  resultStore,
  z.strictObject({
    store: resultStore,
    ttl: z.optional(durationOption),
    grace: z.optional(durationOption),
    sweepEvery: z.optional(durationOption),
  }),
]);

const appOptions = z.strictObject({
  name: z.string(),
  url: z.optional(z.string()),
  queues: z.optional(
    z.record(z.string(), z.strictObject({ priorities: z.optional(z.boolean()), retention: z.optional(finishedRetention) })),
  ),
  limits: z.optional(z.strictObject({ bytes: z.optional(limit), depth: z.optional(limit), keys: z.optional(limit) })),
  maxResultBytes: z.optional(limit),
  results: z.optional(results),
  maxCrashes: z.optional(limit),
  unknownTaskGrace: z.optional(durationOption),
  retention: z.optional(finishedRetention),
  deadLetters: z.optional(
    z.union([z.literal(false), z.strictObject({ age: z.optional(durationOption), count: z.optional(z.int().check(z.gte(1))) })]),
  ),
  finishedCounters: z.optional(z.boolean()),
  background: z.optional(
    z.strictObject({
      concurrency: z.optional(z.int().check(z.gte(1), z.lte(1000))),
      waiting: z.optional(z.int().check(z.gte(0), z.lte(10_000))),
      drain: z.optional(durationOption),
    }),
  ),
  fleet: z.optional(z.strictObject({ lease: z.optional(durationOption) })),
  connectTimeout: z.optional(durationOption),
  tls: z.optional(z.custom<ConnectionOptions>((value) => typeof value === 'object' && value !== null, 'must be an object')),
  evictionPolicy: z.optional(z.enum(['ignore', 'warn', 'error'])),
  strict: z.optional(z.boolean()),
  logger: z.optional(z.custom<Logger>((value) => typeof (value as Logger | undefined)?.child === 'function', 'must be a pino logger')),
  logLevel: z.optional(z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])),
  redact: z.optional(z.array(z.string())),
});

/** @throws OxbowError `invalid_options`, `invalid_name`, `url_required` */
export function resolveAppOptions(given: AppOptions): AppSettings {
  const options = parseOptions(appOptions, given, 'createApp()');
  assertName('app', options.name);
  for (const queue of Object.keys(options.queues ?? {})) assertName('queue', queue);
  const { limits, background } = options;
  const keep = toKeeps({ succeeded: { age: '24h', count: 10_000 }, failed: FAILED, ...options.retention }, 'createApp(): retention');
  const deadLetters = toLimits(options.deadLetters);
  return {
    name: options.name,
    url: options.url ?? defaultUrl(),
    queues: new Map(Object.entries((options.queues ?? {}) as Record<string, QueueDeclaration>)),
    limits: {
      bytes: limits?.bytes ?? DEFAULT_LIMITS.bytes,
      depth: limits?.depth ?? DEFAULT_LIMITS.depth,
      keys: limits?.keys ?? DEFAULT_LIMITS.keys,
    },
    maxResultBytes: options.maxResultBytes ?? 65_536,
    results: options.results === undefined ? undefined : toResults(options.results),
    maxCrashes: options.maxCrashes ?? DEFAULT_MAX_CRASHES,
    unknownTaskGraceMs:
      options.unknownTaskGrace === undefined
        ? DEFAULT_UNKNOWN_TASK_GRACE_MS
        : parseDuration(options.unknownTaskGrace, 'createApp(): unknownTaskGrace'),
    retention: keep,
    queueRetention: new Map(
      Object.entries(options.queues ?? {}).flatMap(([queue, { retention: own }]) =>
        own === undefined ? [] : [[queue, { ...keep, ...toKeeps(own, `createApp(): queues.${queue}.retention`) }]],
      ),
    ),
    deadLetters,
    redact: options.redact ?? [],
    finishedCounters: options.finishedCounters ?? false,
    background: {
      concurrency: background?.concurrency ?? 10,
      waiting: background?.waiting ?? 1000,
      drainMs: resolveLimit(background?.drain, 'createApp(): background.drain') ?? 5000,
    },
    leaseMs: toLease(options.fleet?.lease),
    connectTimeoutMs: parseDuration(options.connectTimeout ?? '5s', 'createApp(): connectTimeout'),
    tls: options.tls,
    evictionPolicy: options.evictionPolicy ?? 'warn',
    strict: options.strict ?? false,
  };
}

function isResultStore(value: unknown): value is ResultStore {
  return ['put', 'get', 'delete', 'list'].every(
    (name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function',
  );
}

function toResults(given: z.infer<typeof results>): ResultSettings {
  const { store, ttl, grace = '1h', sweepEvery = '10m' } = 'store' in given ? given : { store: given };
  return {
    store,
    ttlMs: ttl === undefined ? undefined : parseDuration(ttl, 'createApp(): results.ttl'),
    graceMs: parseDuration(grace, 'createApp(): results.grace'),
    everyMs: Math.max(1, parseDuration(sweepEvery, 'createApp(): results.sweepEvery')),
  };
}

function toLease(lease: Duration | undefined): number {
  const ms = parseDuration(lease ?? '15s', 'createApp(): fleet.lease');
  if (ms < 1000 || ms > WORKER_LEASE_MS.most) throw new OxbowError('invalid_options', 'createApp(): fleet.lease must be 1 s to 10 min.');
  return ms;
}

const FAILED: RetentionOptions = { age: '30d' };
const DEAD_LETTERS_AGE = '14d';
const DEAD_LETTERS_COUNT = 10_000;

type Given<Options> = { readonly [Key in keyof Options]?: Options[Key] | undefined };

function toLimits(given: false | Given<DeadLetterRetention> = {}): AppSettings['deadLetters'] {
  if (given === false) return undefined;
  const ageMs = parseDuration(given.age ?? DEAD_LETTERS_AGE, 'createApp(): deadLetters.age');
  return { ageMs: Math.max(1, ageMs), count: given.count ?? DEAD_LETTERS_COUNT };
}

/** `cancelled` is as `failed` when nothing is said of it. */
function toKeeps<Kind extends FinishedKind>(
  given: { readonly [Each in Kind]?: Given<RetentionOptions> | undefined },
  path: string,
): { readonly [Each in Kind | 'cancelled']: KeepLimits } {
  const { failed, cancelled = failed } = given as { readonly [Each in FinishedKind]?: Given<RetentionOptions> | undefined };
  const all = Object.entries({ ...given, cancelled }) as readonly (readonly [FinishedKind, Given<RetentionOptions> | undefined])[];
  return Object.fromEntries(all.flatMap(([kind, one]) => (one === undefined ? [] : [[kind, toKeep(one, `${path}.${kind}`)]]))) as never;
}

function toKeep({ age, count, bytes }: Given<RetentionOptions>, path: string): KeepLimits {
  return {
    ...(age === undefined ? {} : { ageMs: parseDuration(age, `${path}.age`) }),
    ...(count === undefined ? {} : { count }),
    ...(bytes === undefined ? {} : { bytes }),
  };
}

function defaultUrl(): string {
  const url = process.env['OXBOW_URL'];
  if (url !== undefined && url !== '') return url;
  if (process.env['NODE_ENV'] === 'production') {
    throw new OxbowError(
      'url_required',
      'NODE_ENV is production: set OXBOW_URL or createApp({ url }). Jobs in memory would be lost with the process.',
    );
  }
  return 'embedded:';
}
