import { AsyncLocalStorage } from 'node:async_hooks';
import { context, ROOT_CONTEXT, trace, TraceFlags, type Context, type ContextManager } from '@opentelemetry/api';
import { until } from '@oxbow/faults';
import { onRedis, uniqueName } from '@oxbow/faults/suite';
import { expect, it, onTestFinished } from 'vitest';
import { measure, openStage, samples, scrape, work } from './testing/stage.ts';

const OPEN_METRICS = 'application/openmetrics-text;version=1.0.0';
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

/** What an OpenTelemetry SDK brings along. */
class LocalContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    given: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(given, () => fn.call(thisArg as never, ...args));
  }
  bind<T>(_given: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

onRedis((engine) => {
  const stage = openStage(engine);

  it('durations carry the trace that their handler ran in, for who asks for OpenMetrics', async () => {
    const { app } = stage;
    context.setGlobalContextManager(new LocalContexts());
    onTestFinished(() => context.disable());
    const span = trace.wrapSpanContext({ traceId: TRACE_ID, spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED });
    app.use({ name: 'traced', run: async (_call, next) => context.with(trace.setSpan(context.active(), span), next) });
    const queue = uniqueName();
    const task = app.task(`traced-${queue}`, { queue, run: () => null });
    const metrics = measure(app, { exemplars: true });
    await work(app, queue);
    await (await task.enqueue()).result();
    await until('it is counted', async () => samples(await scrape(metrics), 'task_duration_seconds_count', task.name).length === 1);
    const open = samples(await scrape(metrics, OPEN_METRICS), 'task_duration_seconds_bucket', task.name, '# {');
    expect(open).toHaveLength(1);
    expect(open[0]).toMatch(new RegExp(` 1 # \\{trace_id="${TRACE_ID}"\\} [\\d.e-]+ [\\d.]+$`, 'u'));
    expect(await scrape(metrics)).not.toContain(TRACE_ID);
    expect(await scrape(metrics)).toContain('# TYPE oxbow_task_attempts_total counter\n');
  });
});
