import { OxbowError } from '@oxbow/core';
import { collectDefaultMetrics, Registry, type RegistryContentType } from 'prom-client';
import { autoscale } from './autoscale.ts';
import { ClusterMetrics } from './cluster-metrics.ts';
import { ExemplarSource, loadOpenTelemetry } from './exemplars.ts';
import { expose } from './exposition.ts';
import type { FamilyName } from './families.ts';
import { resolveMetricsOptions, type MetricsApp, type MetricsOptions, type MetricsSettings } from './options.ts';
import { ProcessMetrics } from './process-metrics.ts';
import type { Registering } from './registered.ts';
import { listen, toNodeListener, type Listening, type ListenOptions, type MetricsHandler, type NodeListener } from './server.ts';

export interface Metrics {
  /** prom-client's, of this app alone: add metrics of your own, or merge it with another one. */
  readonly registry: Registry<RegistryContentType>;
  /** `GET /metrics`; with `collect: 'cluster'` or `'both'` also `GET /autoscale/<queue>`. For every host that speaks Fetch. */
  readonly handler: MetricsHandler;
  /** The same for Node's servers, and Express. */
  readonly listener: NodeListener;
  /**
   * A server of its own, on 127.0.0.1:9464 unless told otherwise. It keeps no process alive, answers while workers drain, and is closed with the app.
   * In the child of an isolated task it does nothing, and `url` is empty.
   * @throws OxbowError `invalid_options`, `closed`; what Node's listen does, such as EADDRINUSE
   */
  listen(options?: ListenOptions): Promise<Listening>;
  /** Closes the servers and counts no more. The end of the app does so too. Idempotent. */
  close(): Promise<void>;
}

/**
 * Prometheus metrics of an app: what this process does, what the engine holds, or both.
 *
 * @throws OxbowError `invalid_options`; `missing_dependency` for exemplars without `@opentelemetry/api`
 */
export function createMetrics(app: MetricsApp, options: MetricsOptions = {}): Metrics {
  return new AppMetrics(resolveMetricsOptions(app, options));
}

const LISTEN_OPTIONS = ['port', 'host'];
const JSON_TYPE = { 'content-type': 'application/json' };

class AppMetrics implements Metrics {
  readonly registry: Registry<RegistryContentType>;
  readonly handler: MetricsHandler;
  readonly listener: NodeListener;
  readonly #settings: MetricsSettings;
  readonly #process: ProcessMetrics | undefined;
  readonly #cluster: ClusterMetrics | undefined;
  readonly #servers = new Set<Listening>();
  readonly #forget: () => void;
  #closing: Promise<void> | undefined;

  constructor(settings: MetricsSettings) {
    const { collect, exemplars, app } = settings;
    this.#settings = settings;
    const source = exemplars && collect !== 'cluster' ? new ExemplarSource(app, loadOpenTelemetry()) : undefined;
    this.registry = new Registry<RegistryContentType>();
    if (source !== undefined) this.registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const registering = toRegistering(settings, this.registry);
    this.#process = collect === 'cluster' ? undefined : new ProcessMetrics(settings, registering, source);
    this.#cluster = collect === 'process' ? undefined : new ClusterMetrics(settings, registering);
    if (settings.defaultMetrics) addDefaults(this.registry as Registry);
    this.handler = async (request) => this.#answer(request);
    this.listener = toNodeListener(this.handler);
    this.#forget = app.on('app:closed', async () => this.close());
  }

  async listen(options: ListenOptions = {}): Promise<Listening> {
    const unknown = Object.keys(options).find((name) => !LISTEN_OPTIONS.includes(name));
    if (unknown !== undefined)
      throw new OxbowError('invalid_options', `metrics.listen: unknown option "${unknown}". Known: ${LISTEN_OPTIONS.join(', ')}.`);
    this.#assertOpen();
    if (this.#settings.operation.isolated) return { url: '', close: async () => undefined };
    const server = await listen(this.handler, options);
    if (this.#closing !== undefined) await server.close();
    this.#assertOpen();
    const listening: Listening = {
      url: server.url,
      close: async () => {
        this.#servers.delete(listening);
        await server.close();
      },
    };
    this.#servers.add(listening);
    return listening;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new OxbowError('closed', 'metrics.listen: it has been closed, or its app was.');
  }

  async #close(): Promise<void> {
    this.#forget();
    this.#process?.close();
    await Promise.all([...this.#servers].map(async (server) => server.close()));
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const { basePath } = this.#settings;
    const path = pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : '';
    const queue = /^\/autoscale\/(?<queue>[^/]+)$/u.exec(path)?.groups?.['queue'];
    const isAutoscale = queue !== undefined && this.#cluster !== undefined;
    if (path !== '/metrics' && !isAutoscale) return new Response('not found\n', { status: 404 });
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return new Response('method not allowed\n', { status: 405, headers: { allow: 'GET, HEAD' } });
    const answer = isAutoscale ? await this.#autoscale(queue, searchParams.get('target')) : await this.#metrics(request);
    return request.method === 'HEAD' ? new Response(null, answer) : answer;
  }

  async #metrics(request: Request): Promise<Response> {
    try {
      const { contentType, text } = await expose(this.registry, request.headers.get('accept'));
      return new Response(text, { headers: { 'content-type': contentType } });
    } catch (error) {
      this.#settings.app.log.error({ err: error }, 'metrics: a metric could not be collected');
      return new Response('a metric could not be collected\n', { status: 500 });
    }
  }

  /** Nobody should scale by what may have changed since. */
  async #autoscale(queue: string, asked: string | null): Promise<Response> {
    const target = asked === null ? undefined : Number(asked);
    if (target !== undefined && !(target > 0 && Number.isFinite(target)))
      return new Response(JSON.stringify({ error: 'target must be a number over 0' }), { status: 400, headers: JSON_TYPE });
    const reading = await this.#cluster?.read();
    if (reading === undefined)
      return new Response(JSON.stringify({ error: 'the engine does not answer' }), { status: 503, headers: JSON_TYPE });
    const found = autoscale(reading, queue, target);
    if (found === undefined) return new Response(JSON.stringify({ error: 'unknown queue' }), { status: 404, headers: JSON_TYPE });
    return new Response(JSON.stringify(found), { headers: JSON_TYPE });
  }
}

/** Gauges that are named as counters, which Prometheus's own linter refuses. The same numbers are in others. */
const MISNAMED = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'];

function addDefaults(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}

function toRegistering({ namespace, buckets, errors }: MetricsSettings, registry: Registry<RegistryContentType>): Registering {
  const { duration, wait, payload } = buckets;
  return {
    registry: registry as Registry,
    namespace,
    buckets: {
      ...(duration === undefined ? {} : { task_duration_seconds: duration }),
      ...(wait === undefined ? {} : { task_queue_wait_seconds: wait }),
      ...(payload === undefined ? {} : { task_payload_bytes: payload }),
    },
    without: new Set<FamilyName>(errors === undefined ? ['task_errors_total'] : []),
  };
}
