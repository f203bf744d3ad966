import type { ServerResponse } from 'node:http';

/** Of a request that came through `toNodeListener`. */
const connections = new WeakMap<Request, ServerResponse>();

export function keepConnection(request: Request, connection: ServerResponse): void {
  connections.set(request, connection);
}

/** Ends the connection of a request without another byte. False: only its host knows it. */
export function dropConnection(request: Request): boolean {
  return connections.get(request)?.destroy() !== undefined;
}
