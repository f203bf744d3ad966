import { createApp, type App } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { only, processed, published, spans, withSdk } from './testing/spans.ts';
import { tracing } from './tracing.ts';

const log: Record<string, unknown>[] = [];
let app: App;

/** Runs `work` in a span of the caller's, with baggage, as inside a request. */
function inRequest<T>(work: () => Promise<T>): Promise<T> {
  const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
  return context.with(propagation.setBaggage(context.active(), baggage), () =>
    trace.getTracer('test').startActiveSpan('request', (span) => work().finally(() => span.end())),
  );
}

describe('a traced app, embedded', () => {
  withSdk();
  beforeAll(async () => {
    const logger = pino({ level: 'info' }, { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) });
    app = createApp({ name: 'traced', url: 'embedded:', logger }).use(tracing());
    await app.worker({ queues: { default: 5 } }).start();
  });
  afterAll(() => app.close());

  it('has a span for the enqueue, inside the caller’s, and one for the attempt, which begins a trace and links to the enqueue', async () => {
    const task = app.task('plain', { run: (input: { readonly secret: string }) => input.secret.length });
    const handle = await inRequest(() => task.enqueue({ secret: 'hush' }));
    await handle.result();
    const request = only(spans().filter(({ name }) => name === 'request'));
    const enqueue = only(published());
    const attempt = only(processed());
    const common = { 'messaging.system': 'oxbow', 'messaging.destination.name': 'default', 'messaging.message.id': handle.id };
    expect([enqueue.name, enqueue.attributes]).toEqual([
      'publish default',
      { ...common, 'messaging.operation.name': 'publish', 'messaging.operation.type': 'send', 'oxbow.task': 'plain' },
    ]);
    expect([attempt.name, attempt.attributes]).toEqual([
      'process default',
      {
        ...common,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'oxbow.task': 'plain',
        'oxbow.attempt': 1,
        'oxbow.outcome': 'succeeded',
      },
    ]);
    expect(enqueue.parentSpanContext).toEqual(request.spanContext());
    expect(attempt.parentSpanContext).toBeUndefined();
    expect(attempt.links.map(({ context: { traceId, spanId } }) => [traceId, spanId])).toEqual([
      [enqueue.spanContext().traceId, enqueue.spanContext().spanId],
    ]);
    expect([enqueue, attempt].map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
  });

  it('runs handlers in the context of their span: spans and enqueues nest, baggage is there, the log has the ids', async () => {
    const next = app.task('next', { run: () => null });
    const task = app.task('nests', {
      run: async (_: null, ctx) => {
        trace.getTracer('test').startSpan('query').end();
        ctx.log.info('working');
        await ctx.enqueue(next);
        await next.enqueue();
        return propagation.getActiveBaggage()?.getEntry('tenant')?.value;
      },
    });
    expect(await (await inRequest(() => task.enqueue(null))).result()).toBe('acme');
    const { spanId, traceId } = only(processed('nests')).spanContext();
    const inside = spans().filter(({ parentSpanContext }) => parentSpanContext?.spanId === spanId);
    expect(inside.map(({ name }) => name)).toEqual(['query', 'publish default', 'publish default']);
    expect(log.filter(({ msg }) => msg === 'working')).toMatchObject([{ task: 'nests', trace_id: traceId, span_id: spanId }]);
    await until('both have run', () => processed('next').length === 2);
  });

  it('tells how an attempt ended; every one of a retried job links to its enqueue', async () => {
    const options = { retry: { attempts: 2, backoff: { type: 'fixed', delay: 1 } }, idempotency: 'natural' } as const;
    const shaky = app.task('shaky', {
      ...options,
      run: (_: null, ctx) => {
        if (ctx.attempt === 1) throw new TypeError('not yet');
        return 'done';
      },
    });
    const fails = app.task('fails', { run: () => Promise.reject(new Error('never')) });
    const slow = app.task('slow', {
      timeout: { hard: 20 },
      run: (_: null, ctx) => new Promise((resolve) => ctx.signal.addEventListener('abort', resolve)),
    });
    const waits = app.task('waits', {
      run: (_: null, ctx) =>
        new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))),
    });
    await (await shaky.enqueue(null)).result();
    await expect((await fails.enqueue()).result()).rejects.toMatchObject({ code: 'task_failed' });
    await expect((await slow.enqueue(null)).result()).rejects.toMatchObject({ code: 'task_failed' });
    const handle = await waits.enqueue(null);
    await until('it runs', async () => (await handle.status()).status === 'started');
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled' });

    const [first, second] = processed('shaky');
    expect([first?.links, second?.links].map((links) => links?.map(({ context: { spanId } }) => spanId))).toEqual(
      Array.from({ length: 2 }, () =>
        published().flatMap((span) => (span.attributes['oxbow.task'] === 'shaky' ? [span.spanContext().spanId] : [])),
      ),
    );
    const ends = ['shaky', 'fails', 'slow', 'waits']
      .flatMap((name) => processed(name))
      .map(({ attributes, status, events }) => [
        attributes['oxbow.attempt'],
        attributes['oxbow.outcome'],
        attributes['error.type'],
        status.code,
        status.message,
        events.map(({ name }) => name),
      ]);
    expect(ends).toEqual([
      [1, 'retry', 'TypeError', SpanStatusCode.ERROR, 'not yet', ['exception']],
      [2, 'succeeded', undefined, SpanStatusCode.UNSET, undefined, []],
      [1, 'failed', 'Error', SpanStatusCode.ERROR, 'never', ['exception']],
      [1, 'failed', 'hard_time_limit', SpanStatusCode.ERROR, expect.any(String), ['exception']],
      [1, 'cancelled', undefined, SpanStatusCode.UNSET, undefined, []],
    ]);
  });

  it('has one span for all jobs of an enqueueMany, to which each of them links', async () => {
    const task = app.task('many', { run: (n: number) => n });
    const handles = await task.enqueueMany([1, 2, 3]);
    await Promise.all(handles.map((handle) => handle.result()));
    const batch = only(published());
    expect([batch.name, batch.attributes]).toMatchObject(['publish default', { 'messaging.batch.message_count': 3, 'oxbow.task': 'many' }]);
    expect(batch.attributes).not.toHaveProperty('messaging.message.id');
    expect(processed().map(({ links }) => links[0]?.context.spanId)).toEqual(Array.from({ length: 3 }, () => batch.spanContext().spanId));
  });

  it('says of an enqueue that made no job which one stands for it, or why it was refused', async () => {
    const once = app.task('once', { idempotency: { key: (n: number) => `${n}` }, run: (n: number) => n });
    const handle = await once.enqueue(1);
    await handle.result();
    await once.enqueue(1);
    const single = app.task('single', { unique: { key: () => 'k', onConflict: 'reject' }, run: () => null });
    await single.enqueue(undefined, { delay: '1h' } as never);
    await expect(single.enqueue()).rejects.toMatchObject({ code: 'not_unique' });
    const told = published().map(({ attributes, status }) => [
      attributes['messaging.message.id'],
      attributes['oxbow.created'],
      attributes['oxbow.replayed'],
      attributes['error.type'],
      status.code,
    ]);
    expect(told.filter((_, i) => i !== 2)).toEqual([
      [handle.id, undefined, undefined, undefined, SpanStatusCode.UNSET],
      [handle.id, false, true, undefined, SpanStatusCode.UNSET],
      [expect.any(String), undefined, undefined, 'not_unique', SpanStatusCode.ERROR],
    ]);
  });

  it('links an enqueue to the trace that its headers name already, and sends its own', async () => {
    const task = app.task('forwarded', { run: (_: null, ctx) => ctx.headers['traceparent'] });
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const handle = await task.enqueue(null, { headers: { traceparent } });
    const { traceId, spanId } = only(published()).spanContext();
    expect(await handle.result()).toBe(`00-${traceId}-${spanId}-01`);
    expect(only(published()).links.map(({ context: { spanId: id } }) => id)).toEqual(['b'.repeat(16)]);
  });

  it('can have attempts as children of their enqueue', async () => {
    const nested = createApp({ name: 'nested', url: 'embedded:', logLevel: 'silent' }).use(tracing({ parent: 'child' }));
    const task = nested.task('child', { run: () => null });
    await nested.worker().start();
    await (await task.enqueue()).result();
    await nested.close();
    const enqueue = only(published()).spanContext();
    const { parentSpanContext, links } = only(processed());
    expect([parentSpanContext?.spanId, links[0]?.context.spanId]).toEqual([enqueue.spanId, enqueue.spanId]);
    expect(() => tracing({ parents: 'child' } as never)).toThrow(/unknown option "parents"/u);
    expect(() => tracing({ parent: 'both' as never })).toThrow(/"link" or "child"/u);
  });
});

describe('an app without an SDK, embedded', () => {
  it('sends nothing along, and wraps no enqueue', async () => {
    const plain = createApp({ name: 'plain', url: 'embedded:', logLevel: 'silent' });
    const policy = tracing();
    const task = plain.use(policy).task('task', { run: (_: null, ctx) => ctx.headers });
    await plain.worker().start();
    expect(await (await task.enqueue(null)).result()).toEqual({});
    expect(policy.enqueue).toBeUndefined();
    await plain.close();
  });
});
