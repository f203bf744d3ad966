import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { CrashConfig } from './testing/crash.fixture.ts';

const PROGRAM = fileURLToPath(new URL('../dist/testing/crash.fixture.js', import.meta.url));

interface Server {
  /** Undefined: embedded, in the test's directory. It takes seconds to open, so there one process less dies. */
  readonly url: string | undefined;
  /** Removes the app from the server. */
  readonly discard: (app: string) => Promise<void>;
}

export function crashContract({ url, discard }: Server): void {
  it('is right when workers die while they write it, and when they have; what they leave is deleted', { timeout: 60_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'oxbow-results-'));
    const app = `results-${randomBytes(6).toString('hex')}`;
    onTestFinished(async () => {
      await rm(directory, { recursive: true, force: true });
      await discard(app);
    });
    const config = { app, url: url ?? `embedded:${join(directory, 'engine')}`, directory: join(directory, 'results') };
    expect(await run({ ...config, part: 'enqueue' })).toMatchObject({ signal: 'SIGKILL' });
    const again = url === undefined ? undefined : await run({ ...config, part: 'again' }, 'result-stored-before-complete');
    expect(again?.signal).toBe(url === undefined ? undefined : 'SIGKILL');
    const last = await run({ ...config, part: 'last' });
    expect(last).toMatchObject({ signal: null });
    // What is left of the first start, and the result of the second that nobody was told of; in the end that of the last.
    const [seen, left] = again === undefined ? [['1'], ['2']] : [['1', '2'], ['3']];
    expect(JSON.parse(last.output)).toEqual({ seen, size: 200_000, followed: 100_000, left });
  });
}

async function run(config: CrashConfig, crashpoint = ''): Promise<{ readonly signal: string | null; readonly output: string }> {
  const child = spawn(process.execPath, [PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, OXBOW_FIXTURE: JSON.stringify(config), OXBOW_CRASHPOINT: crashpoint },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [output, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { output, signal: signal as string | null };
}
