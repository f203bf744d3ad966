import { createRequire } from 'node:module';
import { OxbowError } from '@oxbow/core';
import type { AttemptSignal } from '@oxbow/core/operate';
import type { MetricsApp } from './options.ts';

type OpenTelemetry = typeof import('@opentelemetry/api');

/** What OpenMetrics calls it by. */
export type ExemplarLabels = { readonly trace_id: string } | Record<string, never>;

const NONE: ExemplarLabels = {};

/** The trace in which each running attempt's handler was called, should there be one. */
export class ExemplarSource {
  readonly #traces = new Map<string, string>();
  readonly #stop: () => void;

  /** @param api - `@opentelemetry/api` */
  constructor(app: MetricsApp, { trace, TraceFlags, isSpanContextValid }: OpenTelemetry) {
    this.#stop = app.on('task:running', (attempt) => {
      const context = trace.getActiveSpan()?.spanContext();
      // A trace that was not kept is of no use to whoever follows it.
      if (context === undefined || !isSpanContextValid(context) || (context.traceFlags & TraceFlags.SAMPLED) === 0) return;
      this.#traces.set(keyOf(attempt), context.traceId);
    });
  }

  /** That of the attempt, once. */
  take(attempt: AttemptSignal): ExemplarLabels {
    const key = keyOf(attempt);
    const traceId = this.#traces.get(key);
    if (traceId === undefined) return NONE;
    this.#traces.delete(key);
    return { trace_id: traceId };
  }

  close(): void {
    this.#stop();
  }
}

function keyOf({ id, attempt }: AttemptSignal): string {
  return `${id} ${attempt}`;
}

/** @throws OxbowError `missing_dependency` */
export function loadOpenTelemetry(): OpenTelemetry {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as OpenTelemetry;
  } catch (error) {
    throw new OxbowError('missing_dependency', 'createMetrics: exemplars need the package @opentelemetry/api.', { cause: error });
  }
}
