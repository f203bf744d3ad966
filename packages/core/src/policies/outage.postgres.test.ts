import { PostgresServer, withOwnPostgres, withPassword } from '../testing/postgres-server.ts';
import { outageContract } from './outage.contract.ts';

withOwnPostgres('an outage of a Postgres server', () => {
  outageContract(
    () => PostgresServer.started(),
    ({ url }) => ({ kind: 'postgres', url: withPassword(url, 's3cret') }),
  );
});
