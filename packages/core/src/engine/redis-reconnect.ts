import type { Redis } from 'ioredis';

/**
 * Drops a socket on which the server is silent; the client makes another and sends again what had no reply. One that
 * waits to connect again is told to do it now: its timer may be gone.
 */
export function reconnect(client: Redis): void {
  if (client.status === 'ready' || client.status === 'connect' || client.status === 'connecting') client.stream?.destroy();
  else client.connect().catch(() => undefined);
}
