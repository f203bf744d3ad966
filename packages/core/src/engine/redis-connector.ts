import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { addressText, type RedisAddress } from './redis-url.ts';
import { openStream } from './redis-wire.ts';

/** Says where the server is to which an app belongs now. Asked again before every connection. */
export type Locate = () => Promise<RedisAddress>;

const DISCONNECT_TIMEOUT_MS = 2000;

/**
 * Connects where `locate` says, and only to a master: a server that became a replica (failover behind one address, a
 * Sentinel or node whose knowledge is old) is left, and looked for again after the reconnect delay.
 */
export function connectorTo(locate: Locate, tls: ConnectionOptions | undefined): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    #address: RedisAddress | undefined;
    #report: (type: string, error: Error) => void = () => undefined;

    constructor() {
      super(DISCONNECT_TIMEOUT_MS);
    }

    override async connect(report: (type: string, error: Error) => void): Promise<Socket> {
      this.connecting = true;
      this.#report = report;
      delete this.firstError;
      try {
        this.#address = await locate();
      } catch (error) {
        this.firstError = error as Error;
        return failedStream();
      }
      if (!this.connecting) return failedStream();
      const stream = openStream(this.#address, tls);
      this.stream = stream;
      stream.once('error', (error) => (this.firstError = error));
      return stream;
    }

    override check({ role }: { readonly role?: string }): boolean {
      // Where INFO is refused there is no role.
      if (role === undefined || role === 'master') return true;
      const where = this.#address === undefined ? 'The server' : addressText(this.#address);
      this.#report('error', new Error(`${where} is a read-only replica.`));
      return false;
    }
  };
}

/** ioredis would give up for good on a connector that throws; a stream that has failed it tries again. */
function failedStream(): Socket {
  return new Socket().destroy();
}
