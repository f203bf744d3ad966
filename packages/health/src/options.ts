import { OxbowError, type App, type Worker } from '@oxbow/core';
import { operate, type Operation } from '@oxbow/core/operate';

/** What `createApp` returned, whatever its tasks and dependencies are. */
export type HealthApp = Pick<App, 'name' | 'on' | 'log'>;

/** What `app.worker()` returned. */
export type HealthWorker = Pick<Worker, 'describe'>;

/** Decides on one request: `true` lets it through, a Response is the answer, all else is a 403. */
export type Authorize = (request: Request) => boolean | Response | Promise<boolean | Response>;

export interface HealthOptions {
  /** The worker whose health it is; the process has not started before this one has. @defaultValue all that the app has in this process, as they come */
  readonly worker?: HealthWorker;
  /** More queues whose depth verbose answers show. @defaultValue those of the workers */
  readonly queues?: readonly string[];
  /** Of your program; verbose answers show it. */
  readonly version?: string;
  /** Asked about every verbose request. Without this, and without `allowVerbose`, those are a 403, but on a unix socket. */
  readonly authorize?: Authorize;
  /** Whoever reaches the handler gets verbose answers. */
  readonly allowVerbose?: true;
  /** The path below which the handler is mounted, as clients see it: `/health`. @defaultValue none */
  readonly basePath?: string;
  /** @defaultValue application/health+json */
  readonly contentType?: string;
  /** The process does not live when the event loop was later than this in one of a hundred looks, or its timers stand still for so long. @defaultValue 1000 */
  readonly eventLoopLimitMs?: number;
  /** It does not live when a lane that should fetch is not answered for longer, though the engine answers. @defaultValue 30000, or four times the wait that the server was asked for, if that is more */
  readonly fetchSilenceMs?: number;
  /** It does not live when a handler goes on for so long after its attempt was ended (time limit, heartbeat). @defaultValue never */
  readonly hungAfterMs?: number;
  /** It is not ready when the store was last written and read so long ago. @defaultValue 15000 */
  readonly storeMaxAgeMs?: number;
  /** For how long what a probe of the store found is taken as it is. @defaultValue 2000 */
  readonly storeCacheMs?: number;
  /** How long a probe of the store is waited for. @defaultValue 1000 */
  readonly storeTimeoutMs?: number;
}

export interface HealthSettings extends Required<
  Pick<HealthOptions, 'basePath' | 'contentType' | 'eventLoopLimitMs' | 'storeMaxAgeMs' | 'storeCacheMs' | 'storeTimeoutMs' | 'queues'>
> {
  readonly app: HealthApp;
  readonly operation: Operation;
  readonly worker: HealthWorker | undefined;
  readonly version: string | undefined;
  readonly authorize: Authorize | undefined;
  readonly allowVerbose: boolean;
  readonly fetchSilenceMs: number | undefined;
  readonly hungAfterMs: number | undefined;
}

const DEFAULTS = {
  queues: [],
  basePath: '',
  contentType: 'application/health+json',
  eventLoopLimitMs: 1000,
  storeMaxAgeMs: 15_000,
  storeCacheMs: 2000,
  storeTimeoutMs: 1000,
} as const;

const NAME = /^[A-Za-z0-9._-]{1,128}$/u;
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*$/u;
const milliseconds = [(value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1, 'must be a whole number from 1'] as const;

/** Option → whether a value that is given fits. */
const CHECKS: Readonly<Record<keyof HealthOptions, readonly [fits: (value: unknown) => boolean, wanted: string]>> = {
  worker: [(value) => typeof (value as Partial<HealthWorker> | null)?.describe === 'function', 'must be what app.worker() returned'],
  queues: [(value) => Array.isArray(value) && value.every((name) => NAME.test(String(name))), 'must be a list of names of queues'],
  version: [(value) => typeof value === 'string', 'must be a text'],
  authorize: [(value) => typeof value === 'function', 'must be a function (request) => boolean | Response'],
  allowVerbose: [(value) => value === true, 'is true, or left out'],
  basePath: [
    (value) => typeof value === 'string' && /^(?:\/[\w.~-]+)*$/u.test(value),
    'must be a path such as "/health", without a slash at its end',
  ],
  contentType: [(value) => typeof value === 'string' && MEDIA_TYPE.test(value), 'must be a media type'],
  eventLoopLimitMs: milliseconds,
  fetchSilenceMs: milliseconds,
  hungAfterMs: milliseconds,
  storeMaxAgeMs: milliseconds,
  storeCacheMs: milliseconds,
  storeTimeoutMs: milliseconds,
};

/** @throws OxbowError `invalid_options` */
export function resolveHealthOptions(app: HealthApp, options: HealthOptions): HealthSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof HealthOptions] : undefined;
    if (check === undefined) throw invalid(`unknown option "${name}". Known: ${Object.keys(CHECKS).join(', ')}`);
    if (!check[0](value)) throw invalid(`${name} ${check[1]}`);
  }
  const { worker, version, authorize, allowVerbose, fetchSilenceMs, hungAfterMs, ...rest } = Object.fromEntries(given) as HealthOptions;
  if (authorize !== undefined && allowVerbose !== undefined) throw invalid('give authorize or allowVerbose, but not both');
  const operation = operate(app);
  if (worker !== undefined) operation.worker(worker);
  return {
    ...DEFAULTS,
    ...rest,
    app,
    operation,
    worker,
    version,
    authorize,
    allowVerbose: allowVerbose ?? false,
    fetchSilenceMs,
    hungAfterMs,
  };
}

function invalid(what: string): OxbowError {
  return new OxbowError('invalid_options', `createHealth: ${what}.`);
}
