import { spawnSync } from 'node:child_process';
import { findProgram } from './programs.ts';

const PROGRAM = findProgram('faketime');
const TRIES = 5;

/**
 * The environment of a process that reads a clock of the system that is so far ahead; undefined where there is no Debian `faketime`.
 * Time that only passes (timers, `performance.now()`) is not touched: a clock that is off does not make a machine slow.
 */
export function faketimeEnv(aheadMs: number): NodeJS.ProcessEnv | undefined {
  const library = PROGRAM === undefined ? undefined : preloadedBy(PROGRAM);
  if (library === undefined) return undefined;
  return { LD_PRELOAD: library, FAKETIME: `${aheadMs < 0 ? '' : '+'}${aheadMs / 1000}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}

/** Not under the program itself: it waits for its child, and who kills it does not kill the child. */
function preloadedBy(program: string): string {
  let told = '';
  // It gives up when one that was killed has left shared memory by the number of the new process: the next one has another.
  for (let tries = 0; tries < TRIES; tries++) {
    const { stdout, stderr } = spawnSync(program, ['-m', '-f', '+0s', 'printenv', 'LD_PRELOAD']);
    const library = stdout.toString().trim();
    if (library !== '') return library;
    told = stderr.toString().trim();
  }
  throw new Error(`${program} does not say what it preloads: ${told}`);
}
