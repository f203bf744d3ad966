import { OxbowError, type App, type Worker } from '@oxbow/core';
import { operate, type Operation } from '@oxbow/core/operate';

/** What `createApp` returned, whatever its tasks and dependencies are. */
export type MetricsApp = Pick<App, 'name' | 'on' | 'log'>;

/** What `app.worker()` returned. */
export type MetricsWorker = Pick<Worker, 'describe'>;

export interface MetricsOptions {
  /** The worker whose state it is. @defaultValue all that the app has in this process, as they come */
  readonly worker?: MetricsWorker;
  /**
   * `process`: what this process does. `cluster`: what the engine holds, which is the same from every process: let one exporter, or all, serve it,
   * and take the `max`. `both`: both.
   * @defaultValue 'process'
   */
  readonly collect?: 'process' | 'cluster' | 'both';
  /** The queues that are read. @defaultValue those of this process's tasks, of all workers that live, and all that hold jobs, which are looked for once a minute */
  readonly queues?: readonly string[];
  /** What names begin with. @defaultValue 'oxbow' */
  readonly namespace?: string;
  /** So many tasks have names of their own, and so many queues, canvases and locks; all others are `other`. @defaultValue 200 */
  readonly taskLimit?: number;
  /** Names of errors that `task_errors_total` counts by; all others are `other`. @defaultValue that family is left out */
  readonly errors?: readonly string[];
  /** For how long what was read of the engine is served. @defaultValue 5000 */
  readonly cacheMs?: number;
  /** Upper bounds of histograms, in seconds or bytes. */
  readonly buckets?: {
    readonly duration?: readonly number[];
    readonly wait?: readonly number[];
    readonly payload?: readonly number[];
  };
  /**
   * Durations carry the id of the trace in which their handler ran, for who asks for OpenMetrics. Needs `@opentelemetry/api`. The registry is one of
   * OpenMetrics then.
   * @defaultValue false
   */
  readonly exemplars?: boolean;
  /** prom-client's metrics of this process and of Node. @defaultValue true, but with `collect: 'cluster'` */
  readonly defaultMetrics?: boolean;
  /** The path below which the handler is mounted, as clients see it. @defaultValue none */
  readonly basePath?: string;
}

export interface MetricsSettings extends Required<
  Pick<MetricsOptions, 'collect' | 'namespace' | 'taskLimit' | 'cacheMs' | 'buckets' | 'exemplars' | 'defaultMetrics' | 'basePath'>
> {
  readonly app: MetricsApp;
  readonly operation: Operation;
  readonly worker: MetricsWorker | undefined;
  readonly queues: readonly string[] | undefined;
  readonly errors: ReadonlySet<string> | undefined;
}

const NAME = /^[A-Za-z0-9._-]{1,128}$/u;
const isList =
  (fits: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(fits);
const bounds = isList((one) => typeof one === 'number' && Number.isFinite(one));
const BUCKETS = ['duration', 'wait', 'payload'];

/** Option → whether a value that is given fits. */
const CHECKS: Readonly<Record<keyof MetricsOptions, readonly [fits: (value: unknown) => boolean, wanted: string]>> = {
  worker: [(value) => typeof (value as Partial<MetricsWorker> | null)?.describe === 'function', 'must be what app.worker() returned'],
  collect: [(value) => ['process', 'cluster', 'both'].includes(value as string), "must be 'process', 'cluster' or 'both'"],
  queues: [isList((one) => typeof one === 'string' && NAME.test(one)), 'must be a list of names of queues'],
  namespace: [
    (value) => typeof value === 'string' && /^[a-zA-Z][a-zA-Z0-9_]*$/u.test(value),
    'must be letters, digits and _, a letter first',
  ],
  taskLimit: [(value) => Number.isSafeInteger(value) && (value as number) >= 1, 'must be a whole number from 1'],
  errors: [isList((one) => typeof one === 'string'), 'must be a list of names of errors'],
  cacheMs: [(value) => Number.isSafeInteger(value) && (value as number) >= 0, 'must be a whole number from 0'],
  buckets: [
    (value) =>
      typeof value === 'object' && value !== null && Object.entries(value).every(([name, one]) => BUCKETS.includes(name) && bounds(one)),
    'must be lists of numbers: duration, wait, payload',
  ],
  exemplars: [(value) => typeof value === 'boolean', 'must be true or false'],
  defaultMetrics: [(value) => typeof value === 'boolean', 'must be true or false'],
  basePath: [
    (value) => typeof value === 'string' && /^(?:\/[\w.~-]+)*$/u.test(value),
    'must be a path such as "/ops", without a slash at its end',
  ],
};

/** @throws OxbowError `invalid_options` */
export function resolveMetricsOptions(app: MetricsApp, options: MetricsOptions): MetricsSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof MetricsOptions] : undefined;
    if (check === undefined) throw invalid(`unknown option "${name}". Known: ${Object.keys(CHECKS).join(', ')}`);
    if (!check[0](value)) throw invalid(`${name} ${check[1]}`);
  }
  const { worker, collect = 'process', queues, errors, ...rest } = Object.fromEntries(given) as MetricsOptions;
  const operation = operate(app);
  if (worker !== undefined) operation.worker(worker);
  return {
    namespace: 'oxbow',
    taskLimit: 200,
    cacheMs: 5000,
    buckets: {},
    exemplars: false,
    defaultMetrics: collect !== 'cluster',
    basePath: '',
    ...rest,
    app,
    operation,
    worker,
    collect,
    queues,
    errors: errors === undefined ? undefined : new Set(errors),
  };
}

function invalid(what: string): OxbowError {
  return new OxbowError('invalid_options', `createMetrics: ${what}.`);
}
