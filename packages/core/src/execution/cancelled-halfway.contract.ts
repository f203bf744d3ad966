import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { CANCEL_CRASHPOINTS, type Crashpoint } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

/** Who cancels a run, and dies at it. */
export function cancelledHalfwayContract(engine: TestEngine): void {
  it.each(CANCEL_CRASHPOINTS)('%s: the run ends as a whole all the same', { timeout: 60_000 }, async (point) => {
    const app = withApp(engine);
    const now = app.task('now', { queue: 'work', run: () => 'now' });
    const all = app.task('all', { queue: 'work', run: (input: readonly string[]) => input.length });
    const run = await chain(group([now.si(undefined).with({ delay: '1h' }), now.si(undefined).with({ delay: '1h' })]), all.s()).enqueue();
    await cancelAndDie(engine, { app: app.name, run: run.id, point });
    await startWorker(app, { queues: { work: 5 }, lockDuration: 1000 });
    await until('the run has ended', async () => (await run.status()).status === 'cancelled');
    await until('its members have', async () => (await run.status()).counts.cancelled === 3);
  });

  it.each(CANCEL_CRASHPOINTS)('%s: a run of which only the last job, and a link, are left ends', { timeout: 60_000 }, async (point) => {
    const app = withApp(engine);
    const now = app.task('now', { queue: 'work', run: () => 'now' });
    const again = app.task('again', { queue: 'work', retry: { attempts: 2 }, run: (_: string, ctx): string => ctx.retry({ delay: '1h' }) });
    const run = await chain(now.si(undefined).link(now.si(undefined).with({ delay: '1h' })), again.s()).enqueue();
    await startWorker(app, { queues: { work: 5 }, lockDuration: 1000 });
    await until('its last job is to be tried again', async () => (await run.member([1]).status()).status === 'retrying');
    await cancelAndDie(engine, { app: app.name, run: run.id, point });
    await until('the run has ended', async () => (await run.status()).status === 'cancelled');
    const link = app.handle(run.member([0]).id.replace('@', 'l0@'));
    await until('its link has', async () => (await link.status()).status === 'cancelled');
  });
}

async function cancelAndDie(
  { url }: TestEngine,
  { app, run, point }: { readonly app: string; readonly run: string; readonly point: Crashpoint },
): Promise<void> {
  const program = fileURLToPath(new URL('../testing/cancel.fixture.ts', import.meta.url));
  const env = { ...process.env, OXBOW_CRASHPOINT: point };
  const canceller = spawn(process.execPath, ['--import', 'tsx', program, url, app, run], { stdio: 'ignore', env });
  expect(await once(canceller, 'exit')).toEqual([null, 'SIGKILL']);
}
