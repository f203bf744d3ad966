import { afterAll } from 'vitest';
import { onPostgres } from '../testing/engines.ts';
import { postgresDriver } from '../testing/postgres-driver.ts';
import { flowsContract } from './sql-flows.contract.ts';

onPostgres(({ url }) => {
  const { driver, discard } = postgresDriver(url);
  afterAll(discard);
  flowsContract(() => ({ options: driver.queueOptions(), backend: driver.backend }));
});
