import type { AttemptCall, Policy } from '@oxbow/core';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace, type Context, type Span } from '@opentelemetry/api';
import { fail, ofProcess } from './attributes.ts';
import type { TracingOptions } from './options.ts';
import { tracer } from './sdk.ts';

type Run = NonNullable<Policy['run']>;
type Outcome = Awaited<ReturnType<Run>>;

/** A span for each attempt, in whose context the handler runs. */
export class Processing {
  readonly #parent: TracingOptions['parent'];
  readonly #contexts = new WeakMap<AttemptCall, Context>();

  constructor(parent: TracingOptions['parent']) {
    this.#parent = parent;
  }

  /** The context of an attempt that has run here. */
  contextOf(call: AttemptCall): Context | undefined {
    return this.#contexts.get(call);
  }

  async process(call: AttemptCall, next: Parameters<Run>[1]): Promise<Outcome> {
    // The worker's own context has nothing to do with a job that it happened to fetch.
    const sent = propagation.extract(ROOT_CONTEXT, call.headers);
    const origin = trace.getSpanContext(sent);
    const base = this.#parent === 'child' ? sent : trace.deleteSpan(sent);
    const links = origin === undefined ? [] : [{ context: origin }];
    const span = tracer().startSpan(`process ${call.queue}`, { kind: SpanKind.CONSUMER, attributes: ofProcess(call), links }, base);
    const active = trace.setSpan(base, span);
    this.#contexts.set(call, active);
    const { traceId, spanId } = span.spanContext();
    call.bindLog({ trace_id: traceId, span_id: spanId });
    try {
      const outcome = await context.with(active, next);
      tell(span, outcome);
      return outcome;
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }
}

function tell(span: Span, outcome: Outcome): void {
  span.setAttribute('oxbow.outcome', outcome.kind);
  switch (outcome.kind) {
    case 'failed':
      fail(span, outcome.error);
      break;
    case 'retry':
      fail(span, outcome.error);
      if (outcome.delayMs !== undefined) span.setAttribute('oxbow.delay_ms', outcome.delayMs);
      break;
    case 'put-back':
      span.setAttributes({ 'oxbow.reason': outcome.reason, 'oxbow.delay_ms': outcome.delayMs });
      break;
    default:
  }
}
