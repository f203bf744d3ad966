import { OxbowError } from '@oxbow/core';
import { AppView } from './app-view.ts';
import { graceCheck } from './grace.ts';
import { livenessChecks, silenceLimitMs } from './liveness.ts';
import { LoopGauge } from './loop-gauge.ts';
import { resolveHealthOptions, type HealthApp, type HealthOptions, type HealthSettings } from './options.ts';
import { readinessChecks } from './readiness.ts';
import { worstOf, type Check, type Checks, type HealthReport, type ProbeName } from './report.ts';
import { answer, type Answer, type Asked } from './routes.ts';
import { look, type Seen } from './seen.ts';
import { listen, resolveListenOptions, toNodeListener, type Listening, type ListenOptions, type NodeListener } from './server.ts';
import { startupChecks } from './startup.ts';
import { StoreWatch } from './store-watch.ts';

/** Never rejects: what goes wrong is an answer. */
export type HealthHandler = (request: Request) => Promise<Response>;

export interface Health {
  /** `GET /startupz`, `/livez`, `/readyz`, `/healthz`, for every host that speaks Fetch. */
  readonly handler: HealthHandler;
  /** The same for Node's servers, and Express. */
  readonly listener: NodeListener;
  /**
   * A server of its own, on 127.0.0.1:9465 unless told otherwise. It keeps no process alive, answers while workers drain, and is closed with
   * the app, as the last of it. In the child of an isolated task it does nothing, and `url` is empty.
   * @throws OxbowError `invalid_options`; what Node's listen does, such as EADDRINUSE
   */
  listen(options?: ListenOptions): Promise<Listening>;
  /** All that one of the probes looks at; without a name what all of them do. Never rejects. */
  check(probe?: ProbeName): Promise<HealthReport>;
  /** Closes the servers, and looks no more. The end of the app does so too. Idempotent. */
  close(): Promise<void>;
}

/**
 * Whether this process of an app has started, lives and is ready: `/startupz`, `/livez`, `/readyz` and `/healthz` answer 200 or 503.
 *
 * @throws OxbowError `invalid_options`
 */
export function createHealth(app: HealthApp, options: HealthOptions = {}): Health {
  const health = new ProcessHealth(resolveHealthOptions(app, options));
  return {
    handler: async (request) => {
      const { method, url } = request;
      const { status, headers, body } = await health.answer({ method, url, toRequest: () => request, trusted: false });
      return new Response(body ?? null, { status, headers });
    },
    listener: toNodeListener(async (asked) => health.answer(asked), false),
    listen: async (given = {}) => health.listen(given),
    check: async (probe = 'healthz') => health.check(probe, true),
    close: async () => health.close(),
  };
}

const SUSPICIONS_MS = 1000;

class ProcessHealth {
  readonly #settings: HealthSettings;
  readonly #loop = new LoopGauge();
  readonly #store: StoreWatch;
  readonly #view: AppView;
  readonly #servers = new Set<Listening>();
  readonly #suspicions: NodeJS.Timeout;
  readonly #forget: readonly (() => void)[];
  #closing: Promise<void> | undefined;

  constructor(settings: HealthSettings) {
    const { operation, app, storeCacheMs: cacheMs, storeTimeoutMs: timeoutMs } = settings;
    this.#settings = settings;
    this.#store = new StoreWatch({ probe: async () => operation.probe(), cacheMs, timeoutMs });
    this.#view = new AppView(settings);
    this.#suspicions = setInterval(() => this.#suspect(), SUSPICIONS_MS).unref();
    this.#forget = [app.on('worker:ready', () => this.#warnOfGrace()), app.on('app:closed', async () => this.close())];
    this.#warnOfGrace();
  }

  async answer(asked: Asked): Promise<Answer> {
    return answer(this.#settings, async (probe, wide) => this.check(probe, wide), asked);
  }

  /** @param wide - with what the whole app is doing, of `healthz`. */
  async check(probe: ProbeName, wide: boolean): Promise<HealthReport> {
    // Nothing that is away may be waited for by what a restart follows from.
    if (probe !== 'livez' && this.#needsStore(probe)) await this.#store.look();
    const seen = this.#seen;
    const view = probe === 'healthz' && wide ? await this.#view.read(queuesOf(seen)) : {};
    return { ...this.#report(seen, CHECKS[probe](seen)), ...view };
  }

  async listen(options: ListenOptions): Promise<Listening> {
    this.#assertOpen();
    const where = resolveListenOptions(options);
    if (this.#settings.operation.isolated) return { url: '', close: () => Promise.resolve() };
    const server = await listen(async (asked) => this.answer(asked), where);
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
    if (this.#closing !== undefined) throw new OxbowError('closed', 'health.listen: it has been closed, or its app was.');
  }

  async #close(): Promise<void> {
    clearInterval(this.#suspicions);
    this.#loop.stop();
    for (const forget of this.#forget) forget();
    await Promise.all([...this.#servers].map(async (server) => server.close()));
  }

  /** The engine of an app without workers is opened by whoever needs it first: that is this probe, then. */
  #needsStore(probe: ProbeName): boolean {
    return probe !== 'startupz' || this.#settings.operation.engine().facts === undefined;
  }

  /** A lane is silent: before its liveness is asked for, it must be known whether the engine answers at all. */
  #suspect(): void {
    const { lanes, limitMs } = { lanes: this.#seen.workers.flatMap((worker) => worker.lanes), limitMs: this.#settings.fetchSilenceMs };
    if (lanes.some((lane) => lane.fetching && lane.silentMs > silenceLimitMs(lane, limitMs) / 2)) void this.#store.look();
  }

  get #seen(): Seen {
    return look(this.#settings, this.#loop.state, this.#store.state);
  }

  #warnOfGrace(): void {
    const { grace } = graceCheck(this.#seen.workers);
    if (grace?.reason !== undefined) this.#settings.app.log.warn(grace, grace.reason);
  }

  #report({ state, workers }: Seen, checks: Checks): HealthReport {
    const draining = workers.filter(({ phase }) => phase === 'draining');
    const endsAt = draining.map(({ drain }) => drain.endsAt ?? 0);
    const { version } = this.#settings;
    return {
      status: worstOf(checks),
      state,
      ...(version === undefined ? {} : { version }),
      ...(workers[0] === undefined ? {} : { workerId: workers[0].id }),
      uptimeSeconds: Math.round(process.uptime()),
      checks,
      drain: {
        deadline: endsAt.length === 0 ? null : new Date(Math.max(...endsAt)).toISOString(),
        remaining: draining.reduce((sum, { running }) => sum + running.length, 0),
      },
    };
  }
}

const CHECKS: Readonly<Record<ProbeName, (seen: Seen) => Checks>> = {
  startupz: startupChecks,
  livez: livenessChecks,
  readyz: readinessChecks,
  healthz: (seen) => ({
    ...startupChecks(seen),
    ...livenessChecks(seen),
    ...readinessChecks(seen),
    ...inFlightCheck(seen),
    ...graceCheck(seen.workers),
  }),
};

function inFlightCheck({ workers }: Seen): Checks {
  if (workers.length === 0) return {};
  const running = workers.flatMap((worker) => worker.running);
  const slots = workers.flatMap(({ queues }) => Object.values(queues)).reduce((sum, one) => sum + one, 0);
  const oldestAgeMs = Math.round(Math.max(0, ...running.map(({ runningMs }) => runningMs)));
  const check: Check = { status: 'pass', count: running.length, slots, oldestAgeMs };
  return { inFlight: check };
}

function queuesOf({ workers, settings }: Seen): readonly string[] {
  return [...new Set([...workers.flatMap(({ queues }) => Object.keys(queues)), ...settings.queues])];
}
