import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Before the first test: what probed-process.ts runs is what the sources say. With a loader it would take twice as long to start. */
export function setup(): void {
  const { status, stdout } = spawnSync('tsc', ['-b', 'tsconfig.fixtures.json'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, PATH: `${fileURLToPath(new URL('../../../../node_modules/.bin', import.meta.url))}:${process.env['PATH']}` },
    encoding: 'utf8',
  });
  // It compiles what has errors, too, and a test can be of use before all of them are gone.
  if (status !== 0) process.stderr.write(`fixtures, compiled with errors:\n${stdout}`);
}
