import { PostgresConnection, type BackendFactory, type PostgresConnectionOptions } from 'bullmq';
import { SqlBackend } from './sql-backend.ts';

/** Who has a named connection open in this process. */
type Names = Set<{ readonly name: string }>;

/** A backend whose workers are known by name without a connection of their own, which is where BullMQ keeps the names. */
export class NamedSqlBackend extends SqlBackend {
  #names: Names = new Set();
  readonly #named = new Map<string, { readonly name: string }>();

  /** @internal */
  joined(names: Names): this {
    this.#names = names;
    return this;
  }

  /** BullMQ's own keeps a failure for ever. */
  override async waitUntilReady(): Promise<void> {
    await this.connection.waitUntilReady();
    const name = this['listenClientName'];
    if (name !== undefined) await this.setName(name);
  }

  override async setName(name: string): Promise<void> {
    await this.connection.waitUntilReady();
    if (this.connection.isClosing || this.#named.has(name)) return;
    const entry = { name };
    this.#named.set(name, entry);
    this.#names.add(entry);
  }

  override getClientList(): Promise<string[]> {
    return Promise.resolve([[...this.#names].map(({ name }) => `name=${name}`).join('\n')]);
  }

  override async close(force?: boolean): Promise<void> {
    this.#leave();
    await super.close(force);
  }

  override async disconnect(): Promise<void> {
    this.#leave();
    await super.disconnect();
  }

  #leave(): void {
    for (const entry of this.#named.values()) this.#names.delete(entry);
  }
}

type BackendClass<Backend> = new (...args: ConstructorParameters<typeof SqlBackend>) => Backend;

/**
 * For backends that know of each other.
 * Names as BullMQ's own factory does: the queue for a worker, `:w:` and its name when it has one, `:qe` for QueueEvents.
 */
export function backendFactory<Backend extends NamedSqlBackend>(
  Backend: BackendClass<Backend>,
  connect = (pool: unknown): PostgresConnection => new PostgresConnection(pool as PostgresConnectionOptions),
): BackendFactory<Backend> {
  const names: Names = new Set();
  return (queue, opts, { withBlockingConnection = false, blocking = false } = {}) => {
    const workerName = (opts as { readonly name?: string }).name;
    const name = withBlockingConnection
      ? `${queue}${workerName === undefined ? '' : `:w:${workerName}`}`
      : blocking
        ? `${queue}:qe`
        : undefined;
    const options = opts as unknown as ConstructorParameters<typeof SqlBackend>[2];
    return new Backend(connect(opts.connection), queue, options, true, ...(name === undefined ? [] : [name])).joined(names);
  };
}
