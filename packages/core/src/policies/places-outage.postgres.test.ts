import { PostgresServer, withOwnPostgres } from '../testing/postgres-server.ts';
import { placesOutageContract } from './places-outage.contract.ts';

withOwnPostgres('a Postgres server that is away for two seconds', () => {
  placesOutageContract(async () => {
    const server = await PostgresServer.started();
    return { engine: { kind: 'postgres', url: server.url }, stop: () => server.stop(), start: () => server.start() };
  });
});
