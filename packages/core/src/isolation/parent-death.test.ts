import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { entries, temporaryFolder } from '../testing/fixture-process.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { untilGone } from './isolation.contract.ts';

const PROGRAM = fileURLToPath(new URL('../testing/isolated.fixture.ts', import.meta.url));

describe('children on an embedded engine', () => {
  it('end when their worker is killed with SIGKILL: one in an endless loop, and one that waits', async () => {
    const ledger = join(await temporaryFolder(), 'ledger');
    const config = { app: uniqueName('orphans'), url: 'embedded:', ledger, begin: true };
    const worker = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
      stdio: 'ignore',
      env: { ...process.env, OXBOW_ISOLATED: JSON.stringify(config) },
    });
    onTestFinished(() => void worker.kill('SIGKILL'));
    const pids = await Promise.all(
      ['endless', 'polite'].map((word) => until(`${word} runs`, () => entries(ledger, word)[0], 60_000).then(Number)),
    );
    for (const pid of pids) expect(process.kill(pid, 0)).toBe(true);
    worker.kill('SIGKILL');
    await Promise.all(pids.map(untilGone));
  }, 90_000);
});
