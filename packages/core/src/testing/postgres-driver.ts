import type { Driver } from '../engine/driver.ts';
import { createPostgresDriver } from '../engine/postgres.ts';
import { deleteKeys, uniqueName } from './with-app.ts';

const CONNECT_TIMEOUT_MS = 5000;

/** A driver with a schema of its own, for tests that speak to BullMQ's classes. */
export function postgresDriver(
  url: string,
  app: string = uniqueName(),
): { readonly driver: Driver; readonly app: string; readonly discard: () => Promise<void> } {
  const driver = createPostgresDriver({ app, url, tls: undefined, connectTimeoutMs: CONNECT_TIMEOUT_MS, onError: () => undefined });
  const discard = async (): Promise<void> => {
    await driver.close();
    await deleteKeys(url, app);
  };
  return { driver, app, discard };
}
