import { PostgresServer, withOwnPostgres } from '../testing/postgres-server.ts';
import { lostFetchesContract } from './lost-fetches.contract.ts';

withOwnPostgres('lost replies to fetches on postgres', () => {
  lostFetchesContract(async () => {
    const server = await PostgresServer.started();
    return {
      engine: { kind: 'postgres', url: server.url },
      port: server.port,
      urlAt: (port) => server.urlAt(port),
      // A statement's text, which a connection is told once.
      fetch: 'move_to_active',
      endAndFetch: 'move_to_completed_fetch',
      work: '',
    };
  });
});
