import { Hono, type Context } from 'hono';
import { toAnswer, toJson } from './answer.ts';
import type { Action } from './access.ts';
import { dropConnection } from './connections.ts';
import { enqueue } from './enqueue.ts';
import { EventStream, eventIdOf } from './event-stream.ts';
import { hasEnded, seeJob, toView, type Seen } from './job-view.ts';
import { resolveHttpOptions, type HttpApp, type HttpOptions, type HttpSettings } from './options.ts';
import { Problem, toPlainProblem, toProblem } from './problem.ts';
import { result } from './result.ts';

/** Never rejects: what goes wrong is an answer. */
export type HttpHandler = (request: Request) => Promise<Response>;

export interface Http {
  /** For every host that speaks Fetch; `toNodeListener` makes a listener of it for Node's servers. */
  readonly handler: HttpHandler;
  /**
   * Ends event streams and waits for results; requests that come later get 503. Resolves when no job is watched any more. Call it
   * before the server's own close, which waits for open connections, and before `app.close()`.
   */
  close(): Promise<void>;
}

/**
 * Tasks and jobs of an app over HTTP: `POST /tasks/:name`, `GET` and `DELETE /jobs/:id`, `GET /jobs/:id/result`, `GET /jobs/:id/events`.
 *
 * @throws OxbowError `invalid_options`, also when neither `authorize` nor `allowAnonymous` is given
 */
export function createHttp(app: HttpApp, options: HttpOptions): Http {
  const routes = new Routes(resolveHttpOptions(app, options));
  return { handler: async (request) => routes.answer(request), close: async () => routes.close() };
}

class Routes {
  readonly #settings: HttpSettings;
  readonly #router: Hono;
  readonly #streams = new Set<EventStream>();
  readonly #waits = new Set<AbortController>();
  #closed = false;

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#router = new Hono().basePath(settings.basePath);
    this.#router.post('/tasks/:name', async ({ req }) => enqueue(settings, req.raw, req.param('name')));
    this.#router.all('/tasks/:name', () => otherMethod('POST'));
    this.#job('get', '', 'status', async (_request, { status }) => toJson(200, toView(settings, status)));
    this.#job('delete', '', 'cancel', async (_request, seen) => this.#cancel(seen));
    this.#router.all('/jobs/:id', () => otherMethod('GET, HEAD, DELETE'));
    this.#job('get', '/result', 'result', async (request, seen, query) => this.#result(request, seen, query('wait')));
    this.#router.all('/jobs/:id/result', () => otherMethod('GET, HEAD'));
    this.#job('get', '/events', 'events', async (request, seen) => this.#events(request, seen));
    this.#router.all('/jobs/:id/events', () => otherMethod('GET, HEAD'));
    this.#router.notFound(() => new Problem('not_found').response(settings.problemsUrl));
    this.#router.onError((error, context) => this.#problem(error, context).response(settings.problemsUrl));
  }

  async answer(request: Request): Promise<Response> {
    if (this.#closed) return toPlainProblem('closed').response(this.#settings.problemsUrl);
    return this.#router.fetch(request);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wait of this.#waits) wait.abort();
    await Promise.all([...this.#streams].map((stream) => stream.end()));
  }

  #job(
    method: 'get' | 'delete',
    path: string,
    action: Action,
    run: (request: Request, seen: Seen, query: (name: string) => string | undefined) => Promise<Response>,
  ): void {
    this.#router[method](`/jobs/:id${path}`, async ({ req }) => {
      const seen = await seeJob(this.#settings, req.raw, req.param('id') ?? '', action);
      return 'handle' in seen ? run(req.raw, seen, (name) => req.query(name)) : seen;
    });
  }

  async #cancel({ handle }: Seen): Promise<Response> {
    const cancelled = await handle.cancel('cancelled over HTTP');
    const status = await handle.status();
    if (cancelled || status.status === 'cancelled') return toJson(hasEnded(status) ? 200 : 202, toView(this.#settings, status));
    throw new Problem('job_ended', { members: { job: status.id, jobStatus: status.status } });
  }

  async #result(request: Request, seen: Seen, wait: string | undefined): Promise<Response> {
    // Not AbortSignal.any: a signal that lives as long as the server keeps a trace of every one that was made of it.
    const leave = new AbortController();
    const onLeave = (): void => leave.abort();
    request.signal.addEventListener('abort', onLeave, { once: true });
    this.#waits.add(leave);
    try {
      return await result(this.#settings, { ...seen, wait, signal: leave.signal, bodiless: request.method === 'HEAD' });
    } finally {
      this.#waits.delete(leave);
      request.signal.removeEventListener('abort', onLeave);
    }
  }

  async #events(request: Request, { handle, status }: Seen): Promise<Response> {
    const { heartbeatMs, dropAfterMs, problemsUrl } = this.#settings;
    const seen = request.headers.get('last-event-id') ?? undefined;
    // With this an EventSource does not connect again.
    if (hasEnded(status) && seen === eventIdOf(status)) return toAnswer(204, null);
    const headers = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
    if (request.method === 'HEAD') return toAnswer(200, null, headers);
    const stream = new EventStream({
      changes: handle.changes(),
      view: (change) => toView(this.#settings, change),
      problem: (error) => this.#problem(error).document(problemsUrl),
      seen,
      heartbeatMs,
      dropAfterMs,
      drop: () => dropConnection(request),
      onEnd: (ended) => this.#streams.delete(ended),
    });
    this.#streams.add(stream);
    request.signal.addEventListener('abort', () => void stream.end(), { once: true });
    return toAnswer(200, stream.body, headers);
  }

  /** What a client should not know of is written to the log; that has neither bodies nor queries. */
  #problem(error: unknown, context?: Context): Problem {
    const problem = toProblem(error) ?? new Problem('internal');
    if (problem.status >= 500)
      this.#settings.app.log.error({ err: error, method: context?.req.method, path: context?.req.path }, 'an HTTP request failed');
    return problem;
  }
}

function otherMethod(allow: string): never {
  throw new Problem('method_not_allowed', { headers: { allow } });
}
