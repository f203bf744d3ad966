import { createRequire } from 'node:module';
import type * as Api from '@opentelemetry/api';
import { OxbowError } from '@oxbow/core';
import type { AttemptSignal } from '@oxbow/core/operate';
import type { MetricsApp } from './options.ts';

type OpenTelemetry = Pick<typeof Api, 'trace' | 'TraceFlags' | 'isSpanContextValid'>;

/** What OpenMetrics calls it by. */
export interface ExemplarLabels extends Readonly<Record<string, string>> {
  readonly trace_id: string;
}

/** Attempts whose trace is remembered. */
const MOST = 10_000;

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
      // Of an attempt that lost its lock nothing more is told.
      for (const oldest of this.#traces.keys()) {
        if (this.#traces.size <= MOST) break;
        this.#traces.delete(oldest);
      }
    });
  }

  /** That of the attempt, once; undefined: there is none. */
  take(attempt: AttemptSignal): ExemplarLabels | undefined {
    const key = keyOf(attempt);
    const traceId = this.#traces.get(key);
    if (traceId === undefined) return undefined;
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
