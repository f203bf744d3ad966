/** `@oxbow/tracing`: OpenTelemetry spans of enqueues and attempts. */
export { tracing, type TracingOptions } from './tracing.ts';
