import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface ProxyCounts {
  /** Accepted, in all. */
  connections: number;
  /** New connections that were reset at once. */
  refused: number;
  /** Connections that were reset by `cutAll`. */
  cut: number;
  /** Replies that were swallowed, each with its connection. */
  swallowed: number;
  bytesToServer: number;
  bytesToClient: number;
  /** Bytes that went nowhere, of connections that went silent. */
  bytesDropped: number;
}

/** How long bytes are on their way. */
export interface ProxyDelay {
  readonly toServerMs: number;
  readonly toClientMs: number;
}

interface Swallow {
  readonly request: string;
  readonly done: () => void;
}

/** Between clients and a server on 127.0.0.1: a network that can be slow, silent, or end in the middle of an answer. */
export class Proxy implements AsyncDisposable {
  readonly counts: ProxyCounts = {
    connections: 0,
    refused: 0,
    cut: 0,
    swallowed: 0,
    bytesToServer: 0,
    bytesToClient: 0,
    bytesDropped: 0,
  };
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #delay: ProxyDelay = { toServerMs: 0, toClientMs: 0 };
  #refusing = false;
  #silent = false;
  #swallows: Swallow[] = [];
  #hushed: string | undefined;

  private constructor(server: Server, port: number, serverPort: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', (client) => this.#accept(client, serverPort));
  }

  static async to(serverPort: number): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Proxy(server, (server.address() as { port: number }).port, serverPort);
  }

  /** Connections through it now. */
  get open(): number {
    return this.#links.size;
  }

  /** Each way, from the next bytes on; they keep their order. */
  delay(delay: ProxyDelay): void {
    this.#delay = delay;
  }

  /**
   * Half-open: what is connected now, and what connects until `speak`, never hears anything again, no end either. As
   * TCP does, it loses all that follows or nothing: `speak` lets new connections through, it does not wake the silent.
   */
  silence(): void {
    this.#silent = true;
    for (const link of this.#links) link.silent = true;
  }

  speak(): void {
    this.#silent = false;
  }

  /** New connections are reset; those that exist stay. */
  refuse(): void {
    this.#refusing = true;
  }

  accept(): void {
    this.#refusing = false;
  }

  /** Resets every connection. */
  cutAll(): void {
    for (const link of this.#links) {
      this.counts.cut++;
      link.reset();
    }
  }

  /**
   * The next request that has these bytes reaches the server; its reply does not come back: the connection is reset
   * instead. Resolves when that has happened.
   */
  swallowReply(request = ''): Promise<void> {
    return new Promise((resolve) => {
      this.#swallows.push({ request, done: resolve });
    });
  }

  /**
   * From now on a connection falls silent with the first request that has these bytes, which does not reach the server; undefined: none does any
   * more. A client that connects anew can do everything but this.
   */
  hush(request: string | undefined): void {
    this.#hushed = request;
  }

  /** Resets what is open, and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const link of this.#links) link.reset();
    await closed;
  }

  #accept(client: Socket, serverPort: number): void {
    if (this.#refusing) {
      this.counts.refused++;
      client.on('error', () => undefined).resetAndDestroy();
      return;
    }
    this.counts.connections++;
    const server = connect({ port: serverPort, host: '127.0.0.1', allowHalfOpen: true });
    const link = new Link(client, server, () => this.#links.delete(link));
    link.silent = this.#silent;
    this.#links.add(link);
    client.on('data', (bytes: Buffer) => this.#toServer(link, bytes));
    server.on('data', (bytes: Buffer) => this.#toClient(link, bytes));
  }

  #toServer(link: Link, bytes: Buffer): void {
    if (this.#hushed !== undefined && bytes.includes(this.#hushed)) link.silent = true;
    if (link.silent) {
      this.counts.bytesDropped += bytes.length;
      return;
    }
    if (link.swallow === undefined) {
      const at = this.#swallows.findIndex(({ request }) => bytes.includes(request));
      if (at !== -1) link.swallow = this.#swallows.splice(at, 1)[0];
    }
    this.counts.bytesToServer += bytes.length;
    link.send(link.server, bytes, this.#delay.toServerMs);
  }

  #toClient(link: Link, bytes: Buffer): void {
    if (link.silent) {
      this.counts.bytesDropped += bytes.length;
      return;
    }
    if (link.swallow !== undefined) {
      this.counts.swallowed++;
      link.reset();
      link.swallow.done();
      return;
    }
    this.counts.bytesToClient += bytes.length;
    link.send(link.client, bytes, this.#delay.toClientMs);
  }
}

/** One connection: its client's end and its server's. */
class Link {
  readonly client: Socket;
  readonly server: Socket;
  silent = false;
  swallow: Swallow | undefined;
  readonly #gone: () => void;
  /** When the last bytes, or the end, of each way arrive: later ones not before. */
  readonly #arrival = new Map<Socket, number>();

  constructor(client: Socket, server: Socket, gone: () => void) {
    this.client = client;
    this.server = server;
    this.#gone = gone;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('end', () => this.silent || this.#later(to, 0, () => to.end()));
      from.on('close', () => this.#closed(from, to));
    }
  }

  send(to: Socket, bytes: Buffer, delayMs: number): void {
    this.#later(to, delayMs, () => to.write(bytes));
  }

  /** RST to both. */
  reset(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  #later(to: Socket, delayMs: number, act: () => void): void {
    const now = performance.now();
    const last = this.#arrival.get(to) ?? 0;
    if (delayMs === 0 && last <= now) {
      if (!to.destroyed) act();
      return;
    }
    const arrival = Math.max(now + delayMs, last);
    this.#arrival.set(to, arrival);
    setTimeout(() => to.destroyed || act(), arrival - now);
  }

  /** A silent link keeps its other end, as a network that lost the news would. */
  #closed(from: Socket, to: Socket): void {
    if (from === this.client || !this.silent) {
      to.destroy();
      this.#gone();
    }
  }
}
