import { PostgresServer, withOwnPostgres, withPassword } from '../testing/postgres-server.ts';
import { idempotencyOutageContract } from './idempotency-outage.contract.ts';

withOwnPostgres('idempotency keys on a Postgres server that goes away', () => {
  idempotencyOutageContract(
    () => PostgresServer.started(),
    ({ url }) => ({ kind: 'postgres', url: withPassword(url, 's3cret') }),
  );
});
