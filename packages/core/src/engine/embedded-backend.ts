import { PostgresConnection, type BackendFactory, type PostgresConnectionOptions } from 'bullmq';
import { SqlBackend } from './sql-backend.ts';

/** Who has a named connection open, in place of `pg_stat_activity`, which knows one session only. */
type Names = Set<{ readonly name: string }>;

/** BullMQ's backend for a Queue or a Worker of the one process that has the database open. */
export class EmbeddedBackend extends SqlBackend {
  #names: Names = new Set();
  readonly #named = new Set<{ readonly name: string }>();

  /** @internal */
  joined(names: Names): this {
    this.#names = names;
    return this;
  }

  override async setName(name: string): Promise<void> {
    await this.connection.waitUntilReady();
    if (this.connection.isClosing) return;
    const entry = { name };
    this.#named.add(entry);
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

  /** A worker made without our options must not take jobs from the others either. */
  override moveStalledJobsToWait(): Promise<string[]> {
    return Promise.resolve([]);
  }

  #leave(): void {
    for (const entry of this.#named) this.#names.delete(entry);
  }
}

/**
 * For {@link EmbeddedBackend}s that know of each other.
 * Names as BullMQ's own factory does: the queue for a worker, `:w:` and its name when it has one, `:qe` for QueueEvents.
 */
export function createBackendFactory(): BackendFactory<EmbeddedBackend> {
  const names: Names = new Set();
  return (queue, opts, { withBlockingConnection = false, blocking = false } = {}) => {
    const connection = new PostgresConnection(opts.connection as PostgresConnectionOptions);
    const workerName = (opts as { readonly name?: string }).name;
    const name = withBlockingConnection
      ? `${queue}${workerName === undefined ? '' : `:w:${workerName}`}`
      : blocking
        ? `${queue}:qe`
        : undefined;
    const options = opts as unknown as ConstructorParameters<typeof SqlBackend>[2];
    return new EmbeddedBackend(connection, queue, options, true, ...(name === undefined ? [] : [name])).joined(names);
  };
}
