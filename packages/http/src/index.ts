/** `@oxbow/http`: tasks and jobs of an app over HTTP. */
export { createHttp, type Http, type HttpHandler } from './create-http.ts';
export type { Access, Action, Authorize } from './access.ts';
export type { HttpApp, HttpOptions, HttpTask } from './options.ts';
export { toNodeListener, type NodeListener } from './node-listener.ts';
export { problemCodes, type ProblemCode } from './problem-codes.ts';
