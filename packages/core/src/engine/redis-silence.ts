import type { Redis } from 'ioredis';

const TICK_MS = 1000;
/** A plain command is answered at once, but for a server that is busy or paused; the event feed blocks for 5 s. */
const PATIENCE_MS = 8000;
/** Of a lane's connection, on which BullMQ blocks for 10 s at most. */
const BLOCKING_PATIENCE_MS = 12_000;
/** Nothing was said for so long: a PING finds out whether the peer is there. */
const IDLE_MS = 3000;

interface Watched {
  stream: Redis['stream'] | undefined;
  bytesRead: number;
  quietMs: number;
}

const watched = new Map<Redis, Watched>();
let timer: NodeJS.Timeout | undefined;

/**
 * Replaces a connection whose peer is gone without a word (no FIN, no RST: a cut cable, a failed-over address, a stateful
 * firewall) within 15 s; an idle one too, so that the next call does not have to find out. ioredis then reconnects and
 * sends again what was not answered.
 *
 * Silence is counted in ticks between which the event loop has read its sockets: a blocked event loop or a stopped
 * process is no dead peer (unlike for ioredis' `socketTimeout`).
 */
export function replaceWhenSilent(client: Redis): void {
  client.on('connect', () => {
    watched.set(client, { stream: undefined, bytesRead: 0, quietMs: 0 });
    timer ??= setInterval(tick, TICK_MS).unref();
  });
  client.on('close', () => {
    watched.delete(client);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  });
}

function tick(): void {
  for (const [client, state] of watched) look(client, state);
}

function look(client: Redis, state: Watched): void {
  const { stream } = client;
  if (state.stream !== stream || state.bytesRead !== stream.bytesRead) {
    Object.assign(state, { stream, bytesRead: stream.bytesRead, quietMs: 0 });
    return;
  }
  state.quietMs += TICK_MS;
  const waiting = client.commandQueue.peekFront()?.command.name;
  if (waiting === undefined) {
    if (state.quietMs < IDLE_MS || client.status !== 'ready') return;
    state.quietMs = 0;
    client.ping().catch(() => undefined);
    return;
  }
  const patienceMs = waiting === 'bzpopmin' ? BLOCKING_PATIENCE_MS : PATIENCE_MS;
  if (state.quietMs > patienceMs) stream.destroy(new Error(`The server has not answered for ${patienceMs / 1000} s.`));
}
