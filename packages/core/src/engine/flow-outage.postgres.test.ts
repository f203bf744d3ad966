import { PostgresServer, withOwnPostgres } from '../testing/postgres-server.ts';
import { flowOutageContract } from './flow-outage.contract.ts';

withOwnPostgres('flows on a Postgres whose connections fail', () => flowOutageContract(() => PostgresServer.started()));
