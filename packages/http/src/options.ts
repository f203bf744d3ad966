import { OxbowError, type App, type Task } from '@oxbow/core';
import type { Authorize } from './access.ts';

/** What `createApp` returned, whatever its tasks and dependencies are. */
export type HttpApp = Pick<App, 'handle' | 'log'>;

/** A task, or a contract. */
export type HttpTask = Pick<Task<never, unknown>, 'name' | 'enqueue'>;

export interface HttpOptions {
  /** The only tasks that can be reached, and the only ones whose jobs are shown. */
  readonly tasks: readonly HttpTask[];
  /** Asked about every request. One of `authorize` and `allowAnonymous` is required. */
  readonly authorize?: Authorize;
  /** Whoever reaches the handler may do everything that it can. */
  readonly allowAnonymous?: true;
  /** The path below which the handler is mounted, as clients see it: `/api`. @defaultValue none */
  readonly basePath?: string;
  /** Of a request. @defaultValue 262144 (256 KiB), which is also what an app takes as one input by default */
  readonly maxBodyBytes?: number;
  /** Whether a POST without `Idempotency-Key` is refused. @defaultValue false */
  readonly requireIdempotencyKey?: boolean;
  /**
   * Names the client of a request, so that the idempotency keys of one client are unknown to all others.
   * @defaultValue all clients share their keys
   */
  readonly clientOf?: (request: Request) => string | Promise<string>;
  /** Whether answers hold name, message and code of the error that a job failed with. @defaultValue true */
  readonly showJobErrors?: boolean;
  /** The address of a page of yours that explains the problem codes; `type` of a problem is `<problemsUrl>#<code>`. @defaultValue URNs */
  readonly problemsUrl?: string;
  /** How often an event stream without events shows that it lives. @defaultValue 15000 */
  readonly heartbeatMs?: number;
  /** After how long a client that takes nothing of its event stream is dropped. @defaultValue 30000 */
  readonly dropAfterMs?: number;
}

export interface HttpSettings {
  readonly app: HttpApp;
  readonly tasks: ReadonlyMap<string, HttpTask>;
  readonly authorize: Authorize | undefined;
  readonly basePath: string;
  readonly maxBodyBytes: number;
  readonly requireIdempotencyKey: boolean;
  readonly clientOf: HttpOptions['clientOf'];
  readonly showJobErrors: boolean;
  readonly problemsUrl: string | undefined;
  readonly heartbeatMs: number;
  readonly dropAfterMs: number;
}

const DEFAULTS = {
  basePath: '',
  maxBodyBytes: 262_144,
  requireIdempotencyKey: false,
  showJobErrors: true,
  heartbeatMs: 15_000,
  dropAfterMs: 30_000,
};

/** Option → whether a value that is given fits. */
const CHECKS: Readonly<Record<keyof HttpOptions, readonly [fits: (value: unknown) => boolean, wanted: string]>> = {
  tasks: [(value) => Array.isArray(value) && value.length > 0 && value.every(isTask), 'must be a list of tasks'],
  authorize: [isFunction, 'must be a function (request, { action, task, id }) => boolean | Response'],
  allowAnonymous: [(value) => value === true, 'is true, or left out'],
  basePath: [isBasePath, 'must be a path such as "/api", without a slash at its end'],
  maxBodyBytes: [isCount, 'must be a whole number from 1'],
  requireIdempotencyKey: [isBoolean, 'must be true or false'],
  clientOf: [isFunction, 'must be a function (request) => string'],
  showJobErrors: [isBoolean, 'must be true or false'],
  problemsUrl: [(value) => typeof value === 'string' && URL.canParse(value), 'must be an absolute URL'],
  heartbeatMs: [isCount, 'must be a whole number from 1'],
  dropAfterMs: [isCount, 'must be a whole number from 1'],
};

/** @throws OxbowError `invalid_options` */
export function resolveHttpOptions(app: HttpApp, options: HttpOptions): HttpSettings {
  if (typeof (app as Partial<HttpApp> | undefined)?.handle !== 'function')
    throw invalid('the first argument must be an app, as createApp() returns it');
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof HttpOptions] : undefined;
    if (check === undefined) throw invalid(`unknown option "${name}". Known: ${Object.keys(CHECKS).join(', ')}`);
    if (!check[0](value)) throw invalid(`${name} ${check[1]}`);
  }
  const { tasks, authorize, allowAnonymous, clientOf, problemsUrl, ...rest } = Object.fromEntries(given) as Partial<HttpOptions>;
  if (tasks === undefined) throw invalid('tasks is missing: name those that may be reached');
  if ((authorize === undefined) === (allowAnonymous === undefined))
    throw invalid('give authorize, a function that decides on every request, or allowAnonymous: true, but not both');
  return { ...DEFAULTS, ...rest, app, tasks: byName(tasks), authorize, clientOf, problemsUrl };
}

function byName(tasks: readonly HttpTask[]): ReadonlyMap<string, HttpTask> {
  const named = new Map(tasks.map((task) => [task.name, task]));
  if (named.size < tasks.length) throw invalid('two tasks have one name');
  return named;
}

function isTask(value: unknown): boolean {
  const { name, enqueue } = (value ?? {}) as { readonly name?: unknown; readonly enqueue?: unknown };
  return typeof name === 'string' && typeof enqueue === 'function';
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isBasePath(value: unknown): boolean {
  return typeof value === 'string' && /^(?:\/[\w.~-]+)*$/u.test(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function invalid(what: string): OxbowError {
  return new OxbowError('invalid_options', `createHttp: ${what}.`);
}
