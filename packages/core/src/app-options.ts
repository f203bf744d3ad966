import type { ConnectionOptions } from 'node:tls';
import { z } from 'zod';
import type { QueueDeclaration } from './client/enqueue.ts';
import type { KeepFinished } from './engine/engine.ts';
import { OxbowError } from './errors.ts';
import type { Logger } from './log.ts';
import { DEFAULT_MAX_CRASHES } from './policies/crash-limit.ts';
import { DEFAULT_UNKNOWN_TASK_GRACE_MS } from './policies/unknown-task.ts';
import type { ResultStore } from './results/result-store.ts';
import type { DeadLetterLimits } from './store/dead-letters.ts';
import { durationOption, parseDuration, type Duration } from './task/duration.ts';
import { assertName } from './task/name.ts';
import { parseOptions } from './task/options.ts';
import { DEFAULT_LIMITS, type PayloadLimits } from './task/payload.ts';

/** How long finished jobs are kept, by whichever is reached first. */
export interface RetentionOptions {
  readonly age?: Duration;
  readonly count?: number;
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
  /** What is kept of finished jobs. @defaultValue succeeded: 24 h and 10,000 a queue; failed: 30 days */
  readonly retention?: { readonly succeeded?: RetentionOptions; readonly failed?: RetentionOptions };
  /** How long dead letters are kept, in all queues together; false: there are none. @defaultValue 14 days and 10,000 */
  readonly deadLetters?: false | RetentionOptions;
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
  readonly keepSucceeded: KeepFinished;
  readonly keepFailed: KeepFinished;
  /** Undefined: there are none. */
  readonly deadLetters: DeadLetterLimits | undefined;
  readonly redact: readonly string[];
  readonly connectTimeoutMs: number;
  readonly tls: ConnectionOptions | undefined;
  readonly evictionPolicy: 'ignore' | 'warn' | 'error';
  readonly strict: boolean;
}

const retention = z.strictObject({ age: durationOption.optional(), count: z.int().min(0).optional() });
const limit = z.int().min(1);

const resultStore = z.custom<ResultStore>(isResultStore, 'must be a result store, like those of @oxbow/results');
const results = z.union([
  resultStore,
  z.strictObject({
    store: resultStore,
    ttl: durationOption.optional(),
    grace: durationOption.optional(),
    sweepEvery: durationOption.optional(),
  }),
]);

const appOptions = z.strictObject({
  name: z.string(),
  url: z.string().optional(),
  queues: z.record(z.string(), z.strictObject({ priorities: z.boolean().optional() })).optional(),
  limits: z.strictObject({ bytes: limit.optional(), depth: limit.optional(), keys: limit.optional() }).optional(),
  maxResultBytes: limit.optional(),
  results: results.optional(),
  maxCrashes: limit.optional(),
  unknownTaskGrace: durationOption.optional(),
  retention: z.strictObject({ succeeded: retention.optional(), failed: retention.optional() }).optional(),
  deadLetters: z.union([z.literal(false), z.strictObject({ age: durationOption.optional(), count: z.int().min(1).optional() })]).optional(),
  connectTimeout: durationOption.optional(),
  tls: z.custom<ConnectionOptions>((value) => typeof value === 'object' && value !== null, 'must be an object').optional(),
  evictionPolicy: z.enum(['ignore', 'warn', 'error']).optional(),
  strict: z.boolean().optional(),
  logger: z.custom<Logger>((value) => typeof (value as Logger | undefined)?.child === 'function', 'must be a pino logger').optional(),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).optional(),
  redact: z.array(z.string()).optional(),
});

/** @throws OxbowError `invalid_options`, `invalid_name`, `url_required` */
export function resolveAppOptions(given: AppOptions): AppSettings {
  const options = parseOptions(appOptions, given, 'createApp()');
  assertName('app', options.name);
  for (const queue of Object.keys(options.queues ?? {})) assertName('queue', queue);
  const { limits, retention: keep } = options;
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
    keepSucceeded: toKeep(keep?.succeeded ?? { age: '24h', count: 10_000 }, 'succeeded'),
    keepFailed: keepFailed(keep?.failed, deadLetters),
    deadLetters,
    redact: options.redact ?? [],
    connectTimeoutMs: parseDuration(options.connectTimeout ?? '5s', 'createApp(): connectTimeout'),
    tls: options.tls,
    evictionPolicy: options.evictionPolicy ?? 'warn',
    strict: options.strict ?? false,
  };
}

function isResultStore(value: unknown): value is ResultStore {
  return ['put', 'get', 'delete', 'list'].every((name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function');
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

const DEAD_LETTERS_AGE = '14d';
const DEAD_LETTERS_COUNT = 10_000;

function toLimits(given: false | Parameters<typeof toKeep>[0] = {}): AppSettings['deadLetters'] {
  if (given === false) return undefined;
  const ageMs = parseDuration(given.age ?? DEAD_LETTERS_AGE, 'createApp(): deadLetters.age');
  return { ageMs: Math.max(1, ageMs), count: given.count ?? DEAD_LETTERS_COUNT };
}

/** BullMQ applies it to all failed jobs of a queue: it must not take a dead letter before its time. */
function keepFailed(given: Parameters<typeof toKeep>[0] | undefined, letters: AppSettings['deadLetters']): KeepFinished {
  const keep = toKeep(given ?? { age: '30d' }, 'failed');
  if (letters === undefined) return keep;
  if (keep.count !== undefined)
    throw new OxbowError(
      'invalid_options',
      'createApp(): retention.failed.count would remove dead letters: give deadLetters.count, or deadLetters: false.',
    );
  return keep.ageSeconds === undefined ? keep : { ageSeconds: Math.max(keep.ageSeconds, Math.ceil(letters.ageMs / 1000)) };
}

function toKeep(options: { readonly age?: Duration | undefined; readonly count?: number | undefined }, which: string): KeepFinished {
  const ageMs = options.age === undefined ? undefined : parseDuration(options.age, `createApp(): retention.${which}.age`);
  return {
    ...(ageMs === undefined ? {} : { ageSeconds: Math.max(1, Math.round(ageMs / 1000)) }),
    ...(options.count === undefined ? {} : { count: options.count }),
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
