/** How the servers of this folder are found, installed, started and ended. */
import { spawn } from 'node:child_process';
import { access, chmod, constants, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { run } from '../run.mjs';

/** $0 is the server's folder, $1 the signal that ends it, the rest its command line. */
const HOLD =
  'end=$1; shift; "$@" >/dev/null 2>&1 & pid=$!; echo $pid; trap "kill -$end $pid" TERM; read -r _; kill -$end $pid 2>/dev/null; wait $pid; rm -rf "$0"';

/**
 * Starts a program under a shell that ends it when our end of its standard input closes. In a group of its own, so that
 * Ctrl-C ends us first.
 *
 * @param {{ signal?: string, user?: { uid?: number, gid?: number } }} [options]
 */
export async function hold(folder, command, { signal = 'TERM', user = {} } = {}) {
  const shell = spawn('sh', ['-c', HOLD, folder, signal, ...command], { stdio: ['pipe', 'pipe', 'ignore'], detached: true, ...user });
  const pid = await new Promise((resolve, reject) => {
    shell.once('error', reject);
    shell.stdout.once('data', (text) => resolve(Number.parseInt(text, 10)));
  });
  const ended = new Promise((resolve) => {
    shell.once('close', resolve);
  });
  shell.unref();
  for (const pipe of [shell.stdin, shell.stdout]) pipe.unref?.();
  const stop = async () => {
    shell.ref();
    shell.stdin.end();
    await ended;
  };
  return { pid, stop, isAlive: () => signalled(pid) };
}

function signalled(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Installs a Debian package without letting it start its service. Resolves to what went wrong, undefined when nothing did. */
export async function installDebian(name) {
  console.log(`installing the Debian package ${name}`);
  const guard = '/usr/sbin/policy-rc.d';
  const guarded = await isFile(guard);
  if (!guarded) {
    await writeFile(guard, '#!/bin/sh\nexit 101\n');
    await chmod(guard, 0o755);
  }
  try {
    const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    const update = await run('apt-get', ['update', '-qq'], { env, capture: true, timeoutMs: 180_000 });
    const install = await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], {
      env,
      capture: true,
      timeoutMs: 300_000,
    });
    if (install.code === 0) return undefined;
    return `${update.code === 0 ? '' : 'apt-get update failed; '}${install.output.trim().split('\n').at(-1)}`;
  } finally {
    if (!guarded) await rm(guard, { force: true });
  }
}

export async function onPath(name) {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const file = join(folder, name);
    if (await isFile(file)) return file;
  }
  return undefined;
}

export async function isFile(path) {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
