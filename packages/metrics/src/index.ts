/** `@oxbow/metrics`: Prometheus metrics of an app. */
export { createMetrics, type Metrics } from './create-metrics.ts';
export type { Autoscale } from './autoscale.ts';
export type { MetricsApp, MetricsOptions, MetricsWorker } from './options.ts';
export type { ListenOptions, Listening, MetricsHandler, NodeListener } from './server.ts';
