import { spawnSync } from 'node:child_process';
import { findProgram } from './programs.ts';

const PROGRAM = findProgram('faketime');

/**
 * The environment of a process that reads a clock of the system that is so far ahead; undefined where there is no Debian `faketime`.
 * Time that only passes (timers, `performance.now()`) is not touched: a clock that is off does not make a machine slow.
 */
export function faketimeEnv(aheadMs: number): NodeJS.ProcessEnv | undefined {
  // Not under the program itself: it waits for its child, and who kills it does not kill the child.
  const library = PROGRAM === undefined ? '' : spawnSync(PROGRAM, ['-m', '-f', '+0s', 'printenv', 'LD_PRELOAD']).stdout.toString().trim();
  if (library === '') return undefined;
  return { LD_PRELOAD: library, FAKETIME: `${aheadMs < 0 ? '' : '+'}${aheadMs / 1000}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}
