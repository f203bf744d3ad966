import type { EnqueueBatch, EnqueueCall, Enqueued } from '@oxbow/core';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace, type Context, type Span } from '@opentelemetry/api';
import { fail, ofPublish } from './attributes.ts';
import type { Processing } from './processing.ts';
import { tracer } from './sdk.ts';

/** A span that sends: one job, or all of a batch. */
interface Sending {
  readonly span: Span;
  readonly active: Context;
  /** Spans that it links to. */
  readonly links: Set<string>;
  /** Enqueues that it waits for. */
  open: number;
  created: number;
  rejected: number;
}

/** A span for each enqueue, and one for those that belong together; its context travels in the headers of the jobs. */
export class Publishing {
  readonly #processing: Processing;
  readonly #batches = new WeakMap<EnqueueBatch, Sending>();

  constructor(processing: Processing) {
    this.#processing = processing;
  }

  async publish(call: EnqueueCall, next: (call: EnqueueCall) => Promise<Enqueued>): Promise<void> {
    const sending = this.#sendingOf(call);
    sending.open++;
    linkTo(sending, call.headers);
    try {
      const end = await context.with(sending.active, () => next(withContext(call, sending.active)));
      tell(sending, call, end);
    } catch (error) {
      // The first speaks for a batch.
      if (sending.rejected++ === 0) fail(sending.span, error);
      throw error;
    } finally {
      if (--sending.open === 0) this.#end(sending, call);
    }
  }

  #sendingOf(call: EnqueueCall): Sending {
    const { batch } = call;
    if (batch === undefined) return this.#begin(call);
    let sending = this.#batches.get(batch);
    if (sending === undefined) this.#batches.set(batch, (sending = this.#begin(call)));
    return sending;
  }

  #begin(call: EnqueueCall): Sending {
    const base = this.#baseOf(call);
    const name = call.batch === undefined || call.batch.queues.length === 1 ? `publish ${call.queue}` : 'publish';
    const span = tracer().startSpan(name, { kind: SpanKind.PRODUCER, attributes: ofPublish(call) }, base);
    const sending = { span, active: trace.setSpan(base, span), links: new Set<string>(), open: 0, created: 0, rejected: 0 };
    // What a job that was started again publishes without its handler: its attempt is not known here.
    if (call.from !== undefined && trace.getSpan(base) === undefined) linkTo(sending, call.from.headers);
    return sending;
  }

  /** A producer's own context; what an attempt publishes is inside it. */
  #baseOf({ from }: EnqueueCall): Context {
    if (from === undefined) return context.active();
    const inside = from.attempt === undefined ? undefined : this.#processing.contextOf(from.attempt);
    return inside ?? trace.deleteSpan(propagation.extract(ROOT_CONTEXT, from.headers));
  }

  #end({ span, created, rejected }: Sending, { batch }: EnqueueCall): void {
    if (batch !== undefined) {
      this.#batches.delete(batch);
      if (created + rejected < batch.size) span.setAttribute('oxbow.batch.created_count', created);
      if (rejected > 0) span.setAttribute('oxbow.batch.rejected_count', rejected);
    }
    span.end();
  }
}

/** Headers that came from elsewhere, as those of a request, name what the enqueue is part of. */
function linkTo({ span, links }: Sending, headers: EnqueueCall['headers']): void {
  const origin = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, headers));
  if (origin === undefined || links.has(origin.spanId)) return;
  links.add(origin.spanId);
  span.addLink({ context: origin });
}

function withContext(call: EnqueueCall, active: Context): EnqueueCall {
  const headers = { ...call.headers };
  propagation.inject(active, headers);
  return { ...call, headers };
}

function tell(sending: Sending, { batch }: EnqueueCall, { id, created, replayed }: Enqueued): void {
  if (created) sending.created++;
  if (created || batch !== undefined) return;
  sending.span.setAttributes({ 'messaging.message.id': id, 'oxbow.created': false });
  if (replayed) sending.span.setAttribute('oxbow.replayed', true);
}
