import { chown, readFile, stat } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { certificate } from '../testing/certificate.ts';
import { PostgresServer, requirePassword, sql, withOwnPostgres, withPassword } from '../testing/postgres-server.ts';
import { elsewhere, startWorker, withApp } from '../testing/with-app.ts';

withOwnPostgres('what a Postgres server is checked for', () => {
  const on = (url: string) => ({ kind: 'postgres', url }) as const;

  it('a wrong password and a database that is not there are told at once, without the password', async () => {
    const server = await PostgresServer.started();
    const url = await requirePassword(server, 's3cret');
    const owned = withApp(on(url));
    for (const [wrong, reason] of [
      [withPassword(server.url, 'wr0ng'), /password authentication failed/u],
      [url.replace(/postgres$/u, 'nowhere'), /"nowhere" does not exist/u],
    ] as const) {
      const app = elsewhere(on(wrong), owned, { connectTimeout: '30s' });
      const error = await app.ready().catch((thrown: unknown) => thrown as Error);
      expect(error).toMatchObject({ code: 'engine_unavailable', message: expect.stringMatching(reason) as string });
      expect(JSON.stringify(error)).not.toMatch(/wr0ng|s3cret/u);
    }
  });

  it('a role that may not make the schema is told so, and may use one that is there', async () => {
    const server = await PostgresServer.started();
    await sql(server, 'CREATE ROLE clerk LOGIN');
    const clerk = server.url.replace('oxbow@', 'clerk@');
    const owned = withApp(on(server.url), { name: 'office' });
    const refused = elsewhere(on(clerk), owned);
    await expect(refused.ready()).rejects.toMatchObject({
      code: 'engine_unsupported',
      message: expect.stringContaining('"oxbow_office"') as string,
    });
    await owned.ready();
    await sql(server, 'GRANT USAGE ON SCHEMA oxbow_office TO clerk');
    for (const what of ['TABLES', 'SEQUENCES']) await sql(server, `GRANT ALL ON ALL ${what} IN SCHEMA oxbow_office TO clerk`);
    const app = elsewhere(on(clerk), owned);
    const task = app.task('task', { run: () => 'ran' });
    await startWorker(app, {});
    expect(await (await task.enqueue()).result()).toBe('ran');
  });

  it('TLS with a private CA is used, and a certificate that nobody vouches for refused', async () => {
    const { folder, key, cert } = await certificate();
    const server = await PostgresServer.create('ssl=on', `ssl_key_file=${key}`, `ssl_cert_file=${cert}`);
    const { uid, gid } = await stat(server.folder);
    for (const path of [folder, key, cert]) await chown(path, uid, gid);
    await server.start();
    const app = withApp(on(server.url), { tls: { ca: await readFile(cert) } });
    const task = app.task('task', { run: () => 'sealed' });
    await startWorker(app, {});
    expect(await (await task.enqueue()).result()).toBe('sealed');
    const rows = await sql(
      server,
      `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'oxbow:%'`,
    );
    expect(rows).toEqual([{ ssl: true }]);
    const stranger = withApp(on(server.url), { tls: {}, connectTimeout: 500 });
    await expect(stranger.ready()).rejects.toMatchObject({ code: 'engine_unavailable' });
  });
});
