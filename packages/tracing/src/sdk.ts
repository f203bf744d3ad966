import { ProxyTracerProvider, trace, type Tracer } from '@opentelemetry/api';

/** What stands in for a tracer provider while there is none. */
const NONE = new ProxyTracerProvider().getDelegate();

/** Whether an SDK has registered a tracer provider. One that comes later is seen, too; once there it counts as there. */
export class Sdk {
  #isThere = false;

  get isThere(): boolean {
    this.#isThere ||= !isNone();
    return this.#isThere;
  }
}

/** The provider of another copy of the API is no proxy of ours: then there is one. */
function isNone(): boolean {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider && provider.getDelegate() === NONE;
}

export function tracer(): Tracer {
  return trace.getTracer('@oxbow/tracing');
}
