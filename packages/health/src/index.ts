/** `@oxbow/health`: whether a process of an app starts, lives and is ready. */
export { createHealth, type Health, type HealthHandler } from './create-health.ts';
export type { Authorize, HealthApp, HealthOptions, HealthWorker } from './options.ts';
export type { Check, Checks, HealthReport, ProcessState, ProbeName, Verdict } from './report.ts';
export type { ListenOptions, Listening, NodeListener } from './server.ts';
