/** Makes a table, then places an order in a second transaction. Its parts: URL, app, table, ledger. */
import { appendFileSync } from 'node:fs';
import { createApp } from '../app.ts';
import { chain } from '../canvas/chain.ts';

const [url = '', name = '', table = '', ledger = ''] = process.argv.slice(2);
const app = createApp({ name, url, logLevel: 'silent' });
const echo = app.task('echo', { queue: 'work', run: (what: string) => what });
await app.transaction((tx) => tx.query(`CREATE TABLE ${table} (id text)`));
await app.transaction(async (tx) => {
  await tx.query(`INSERT INTO ${table} VALUES ('one')`);
  const added = [await echo.enqueue('job', { tx }), await chain(echo.si('run'), echo.s()).enqueue(undefined, { tx })];
  for (const { id } of added) appendFileSync(ledger, `added ${id}\n`);
});
