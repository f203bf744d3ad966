import type { BackendFactory } from 'bullmq';
import { backendFactory, NamedSqlBackend } from './sql-names.ts';

/** BullMQ's backend for a Queue or a Worker of the one process that has the database open. */
export class EmbeddedBackend extends NamedSqlBackend {
  /** A worker made without our options must not take jobs from the others either. */
  override moveStalledJobsToWait(): Promise<string[]> {
    return Promise.resolve([]);
  }
}

/** For {@link EmbeddedBackend}s that know of each other. */
export function createBackendFactory(): BackendFactory<EmbeddedBackend> {
  return backendFactory(EmbeddedBackend);
}
