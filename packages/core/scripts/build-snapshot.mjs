/**
 * Makes dist/embedded.tar.gz: a fresh PGlite data directory with BullMQ's tables and our functions, so that a new embedded engine need not
 * run initdb (about two seconds). Run by the package's build; the file holds no time, host or user of the build machine
 * that matters, but is not reproducible to the byte.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';
import { runMigrations } from 'bullmq';
import { createFunctions } from '../dist/modules/engine/sql-functions.js';

const target = new URL('../dist/embedded.tar.gz', import.meta.url);

// Small segments and no spare ones: the log starts at a few megabytes and stays there (pglite-upkeep.ts).
const db = await PGlite.create({
  initDbStartParams: ['--wal-segsize=1', '--no-data-checksums'],
  startParams: [...PGlite.defaultStartParams, '-c', 'min_wal_size=2MB', '-c', 'max_wal_size=4MB'],
});

const client = {
  query: async (text, params = []) => (params.length > 0 ? db.query(text, params) : ((await db.exec(text)).at(-1) ?? { rows: [] })),
};
await runMigrations(client);
await db.exec('SET search_path TO bullmq, public');
await createFunctions(client);

// Nobody connects to the templates, and their age would hold back the horizon of transaction ids for ever.
for (const template of ['template0', 'template1']) {
  await db.exec(`UPDATE pg_database SET datistemplate = false WHERE datname = '${template}'`);
  await db.exec(`DROP DATABASE ${template}`);
}
await db.exec('VACUUM FREEZE');
await db.exec('CHECKPOINT');
await db.exec('SELECT pg_switch_wal()');
await db.exec('CHECKPOINT');

const dump = await db.dumpDataDir('none');
const snapshot = gzipSync(Buffer.from(await dump.arrayBuffer()), { level: 9 });
await db.close();
mkdirSync(new URL('.', target), { recursive: true });
writeFileSync(target, snapshot);
console.log(`dist/embedded.tar.gz: ${(snapshot.length / 1e6).toFixed(1)} MB`);
