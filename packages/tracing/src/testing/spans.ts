import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach } from 'vitest';

const exporter = new InMemorySpanExporter();

/** An SDK for the tests of a suite; each begins without spans. */
export function withSdk(): void {
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(
      new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
    );
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  });
  beforeEach(() => exporter.reset());
  afterAll(() => {
    for (const api of [trace, context, propagation]) api.disable();
  });
}

/** Those that have ended, in that order. */
export function spans(): readonly ReadableSpan[] {
  return exporter.getFinishedSpans();
}

export function published(): readonly ReadableSpan[] {
  return spans().filter(({ kind }) => kind === SpanKind.PRODUCER);
}

export function processed(task?: string): readonly ReadableSpan[] {
  return spans().filter(({ kind, attributes }) => kind === SpanKind.CONSUMER && (task === undefined || attributes['oxbow.task'] === task));
}

/** The one span of its kind. */
export function only(found: readonly ReadableSpan[]): ReadableSpan {
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} spans: ${found.map(({ name }) => name).join(', ')}`);
  return found[0];
}

/** Ids of the spans that it is a child of, or links to. */
export function ties({ parentSpanContext, links }: ReadableSpan): readonly string[] {
  return [...(parentSpanContext === undefined ? [] : [parentSpanContext.spanId]), ...links.map(({ context: { spanId } }) => spanId)];
}

/** Into how many parts all spans fall when those that are tied belong together. */
export function parts(all: readonly ReadableSpan[]): number {
  const home = new Map(all.map((span) => [span.spanContext().spanId, span.spanContext().spanId]));
  const homeOf = (id: string): string => {
    const next = home.get(id);
    if (next === undefined) throw new Error(`a span is tied to ${id}, which nobody knows`);
    return next === id ? id : homeOf(next);
  };
  for (const span of all) for (const tie of ties(span)) home.set(homeOf(span.spanContext().spanId), homeOf(tie));
  return new Set(all.map((span) => homeOf(span.spanContext().spanId))).size;
}
