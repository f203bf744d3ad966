import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

const TAKER = 'matrix-taker';
const AGAIN_MS = 100;

/** On a connection of its own. */
export async function sql(url: string, text: string): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

export function terminateBackends(url: string): Promise<void> {
  return sql(
    url,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
  );
}

/** Ends the connections of all others and takes what it can get, again and again, until it is told to let go. */
export async function takeConnections(url: string): Promise<() => Promise<void>> {
  const first = await connect(url);
  const taken = [first];
  const end = new AbortController();
  const takeAll = async (): Promise<void> => {
    await first.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = $1 AND application_name <> $2 AND pid <> pg_backend_pid()',
      ['client backend', TAKER],
    );
    for (;;) {
      const client = await connect(url).catch(() => undefined);
      if (client === undefined) return;
      taken.push(client);
    }
  };
  await takeAll();
  const keeping = (async () => {
    while (!end.signal.aborted) {
      await wait(AGAIN_MS);
      await takeAll();
    }
  })();
  return async () => {
    end.abort();
    await keeping;
    await Promise.all(taken.map((client) => client.end()));
  };
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: TAKER });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
