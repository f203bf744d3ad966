import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { CANCEL_CRASHPOINTS } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { fixtureProgram } from '../testing/fixture-program.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

/** After the marker the run's last job: it is taken, and the rest of the run has not ended. */
const TAKEN = 'end-taken-before-failed:2';

/** Who cancels a run, and dies at it. */
export function cancelledHalfwayContract(engine: TestEngine): void {
  it.each([...CANCEL_CRASHPOINTS, TAKEN])('%s: the run ends as a whole all the same', { timeout: 60_000 }, async (point) => {
    const app = withApp(engine);
    const now = app.task('now', { queue: 'work', run: () => 'now' });
    const all = app.task('all', { queue: 'work', run: (input: readonly string[]) => input.length });
    const run = await chain(group([now.si(undefined).with({ delay: '1h' }), now.si(undefined).with({ delay: '1h' })]), all.s()).enqueue();
    const env = { ...process.env, OXBOW_CRASHPOINT: point };
    const canceller = spawn(process.execPath, [fixtureProgram('cancel'), engine.url, app.name, run.id], { stdio: 'ignore', env });
    expect(await once(canceller, 'exit')).toEqual([null, 'SIGKILL']);
    await startWorker(app, { queues: { work: 5 }, lockDuration: 1000 });
    await until('the run has ended', async () => (await run.status()).status === 'cancelled');
    await until('its members have', async () => (await run.status()).counts.cancelled === 3);
  });
}
