import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './fixture-process.ts';
import { fixtureProgram } from './fixture-program.ts';
import { until } from './until.ts';

export interface StandingStill {
  /** It has stopped at the end of its first handler. */
  readonly stands: Promise<unknown>;
  /** It has noticed that the job is not its own any more. */
  lost(): Promise<unknown>;
  goOn(): void;
  kill(): Promise<void>;
}

/** A process that works (still.fixture.ts), with a lock of a second; killed when the test ends. */
export async function standingStill(url: string, app: string, how: 'plain' | 'wraps' | 'fails' = 'plain'): Promise<StandingStill> {
  const file = join(await temporaryFolder(), 'told');
  const child = spawn(process.execPath, [fixtureProgram('still'), url, app, file, how], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  await until('it works', () => told(file).includes('ready'));
  const stands = until('it stands still', () => told(file).includes('still'));
  // A test that fails before it waits for this ends alone.
  stands.catch(() => undefined);
  const lost = (): Promise<unknown> => until('it has lost the job', () => told(file).includes('lost'));
  return { stands, lost, goOn: () => void child.kill('SIGCONT'), kill };
}

function told(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It has not said anything.
    return '';
  }
}
