/** How the scripts of this folder start programs. Plain Node: they run before anything is installed. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository's root, without a slash at the end. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/u, '');

/** True where a missing server is a failure instead of a remark. */
export const inCi = process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false';

/**
 * Runs a program to its end, in the repository's root, found first in node_modules/.bin, its output passed on.
 * It is told to end when this process ends first. Resolves to its exit code (1 when a signal ended it, 127 when it does not exist); never rejects.
 *
 * @param {string} command
 * @param {readonly string[]} [args]
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, capture?: boolean, timeoutMs?: number, user?: { uid?: number, gid?: number } }} [options]
 * @returns {Promise<{ code: number, output: string }>} `output` is empty unless `capture` is set
 */
export function run(command, args = [], { cwd = root, env = {}, capture = false, timeoutMs, user = {} } = {}) {
  const path = `${root}/node_modules/.bin:${process.env.PATH}`;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, PATH: path, DO_NOT_TRACK: '1', TURBO_TELEMETRY_DISABLED: '1', ...env },
    ...user,
    stdio: capture ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
  });
  const end = () => child.kill();
  process.once('exit', end);
  let output = '';
  child.stdout?.on('data', (chunk) => (output += chunk));
  child.stderr?.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}\n` }));
    child.on('close', (code) => {
      process.off('exit', end);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** @param {number} startedAt from performance.now() */
export function seconds(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

/** Calls `cleanUp` once: when the process ends by itself, or on Ctrl-C or SIGTERM, after which it exits. */
export function onEnd(cleanUp) {
  let done;
  const once = () => (done ??= Promise.resolve(cleanUp()));
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ]) {
    process.once(signal, () => once().finally(() => process.exit(128 + number)));
  }
  process.once('beforeExit', () => void once());
  return once;
}
