import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * For a `globalSetup` of vitest: before the first test, what fixture processes run is what the sources say. With a loader they would take twice as long to
 * start.
 *
 * @param root - of a package with a `tsconfig.fixtures.json`
 */
export function buildFixtures(root: URL): void {
  const { status, stdout } = spawnSync('tsc', ['-b', 'tsconfig.fixtures.json'], {
    cwd: fileURLToPath(root),
    env: { ...process.env, PATH: `${fileURLToPath(new URL('../../node_modules/.bin', root))}:${process.env['PATH']}` },
    encoding: 'utf8',
  });
  // It compiles what has errors, too, and a test can be of use before all of them are gone.
  if (status !== 0) process.stderr.write(`fixtures, compiled with errors:\n${stdout}`);
}
