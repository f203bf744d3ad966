import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { App } from '../app.ts';
import type { Crashpoint } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, temporaryFolder } from '../testing/fixture-process.ts';
import { fixtureProgram } from '../testing/fixture-program.ts';
import { startWorker, uniqueName, withApp } from '../testing/with-app.ts';

interface Left {
  readonly app: App;
  /** Public ids of the job and of the run that the process added. */
  readonly added: readonly string[];
  readonly orders: number;
}

/** A process that is killed inside `app.transaction`, after its statements. */
export function transactionCrashContract(engine: TestEngine): void {
  it('transaction-before-commit: jobs, rows and locks of the process are gone', { timeout: 60_000 }, async () => {
    const { app, added, orders } = await dieAt('transaction-before-commit', engine);
    expect(orders).toBe(0);
    expect(added).toHaveLength(2);
    for (const id of added) await expect(app.handle(id).status()).rejects.toMatchObject({ code: 'unknown_job' });
    const queue = app.queue('work');
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 0, 'waiting-children': 0 });
    await queue.pause();
    await queue.obliterate();
  });
}

/** One that is killed right after the commit, before anybody is told. */
export function committedCrashContract(engine: TestEngine): void {
  it('transaction-committed-before-reply: jobs run, and rows are there', { timeout: 60_000 }, async () => {
    const { app, added, orders } = await dieAt('transaction-committed-before-reply', engine);
    expect(orders).toBe(1);
    app.task('echo', { queue: 'work', run: (what: string) => what });
    await startWorker(app, { queues: { work: 2 } });
    expect(await Promise.all(added.map((id) => app.handle(id).result()))).toEqual(['job', 'run']);
  });
}

async function dieAt(point: Crashpoint, engine: TestEngine): Promise<Left> {
  const folder = await temporaryFolder();
  const [name, table, ledger] = [uniqueName('crash'), `"${uniqueName('orders')}"`, join(folder, 'ledger')];
  const url = engine.kind === 'embedded' ? `embedded:${join(folder, 'data')}` : engine.url;
  const env = { ...process.env, OXBOW_CRASHPOINT: `${point}:2` };
  const child = spawn(process.execPath, [fixtureProgram('transaction'), url, name, table, ledger], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  const app = withApp(engine, { name, url });
  onTestFinished(() => app.transaction((tx) => tx.query(`DROP TABLE ${table}`)).then(() => undefined));
  const { rows } = await app.transaction((tx) => tx.query(`SELECT id FROM ${table}`));
  return { app, added: entries(ledger, 'added'), orders: rows.length };
}
