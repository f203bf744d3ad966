import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { PostgresServer, withOwnPostgres, withPassword } from '../testing/postgres-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';
import { outageContract } from './outage.contract.ts';

withOwnPostgres('a Postgres server that goes away', () => {
  const on = ({ url }: PostgresServer) => ({ kind: 'postgres', url: withPassword(url, 's3cret') }) as const;

  outageContract({ create: () => PostgresServer.create(), engineOf: on });

  it('shows no password when it is not there', async () => {
    const app = withApp(on(await PostgresServer.create()), { connectTimeout: 300 });
    const task = app.task('task', { run: () => null });
    const error = await task.enqueue().catch((thrown: unknown) => thrown);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('s3cret');
  });

  it('is given up within 15 s when it falls silent, and taken again when it speaks', async () => {
    const server = await PostgresServer.started();
    const app = withApp(on(server), { connectTimeout: 500 });
    const task = app.task('task', { run: () => 'ran' });
    await startWorker(app, {});
    expect(await (await task.enqueue()).result()).toBe('ran');
    server.pause();
    const began = performance.now();
    await expect(task.enqueue()).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(performance.now() - began).toBeLessThan(15_000);
    server.resume();
    const handle = await until('enqueues work again', () => task.enqueue().catch(() => undefined));
    expect(await handle.result()).toBe('ran');
  });
});
