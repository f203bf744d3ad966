/** Postgres for tests, examples and benchmarks; see servers.mjs. */
import { chown, mkdtemp, readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../run.mjs';
import { freePort, hold, installDebian, isFile, onPath } from './process.mjs';

const OLDEST = 13;
/** Where Debian puts what is not on the path: one folder a version. */
const DEBIAN = '/usr/lib/postgresql';
/** Nobody needs a test's data after a power cut. */
const VOLATILE = ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'];

/**
 * @param {{ persistent?: boolean, install?: boolean }} [options] `persistent`: written through to the disk, as in production
 * @returns {Promise<import('../servers.mjs').Server | import('../servers.mjs').NoServer>}
 * @throws when OXBOW_TEST_POSTGRES_URL is set and no server answers there: never silently another one
 */
export async function providePostgres({ persistent = false, install = true } = {}) {
  const given = process.env.OXBOW_TEST_POSTGRES_URL;
  if (given) return { url: given, label: await describeGiven(given), stop: async () => {} };
  const found = await binaries();
  if (found !== undefined) return start(found, persistent);
  const none = `no OXBOW_TEST_POSTGRES_URL, no postgres on the path or in ${DEBIAN}`;
  if (!install || process.getuid?.() !== 0) return { reason: `${none} and not root to install one` };
  if ((await onPath('apt-get')) === undefined) return { reason: `${none} and no apt-get to install one` };
  const failure = await installDebian('postgresql');
  const installed = await binaries();
  if (installed === undefined) return { reason: `${none} and installing it failed: ${failure ?? 'the package has no such binary'}` };
  return start(installed, persistent);
}

/** The folder of `postgres` and `initdb`. */
async function binaries() {
  const onItsOwn = await onPath('postgres');
  if (onItsOwn !== undefined && (await onPath('initdb')) !== undefined) return { postgres: onItsOwn, initdb: await onPath('initdb') };
  const versions = await readdir(DEBIAN).catch(() => []);
  for (const version of versions.sort((a, b) => Number(b) - Number(a))) {
    const [postgres, initdb] = ['postgres', 'initdb'].map((name) => join(DEBIAN, version, 'bin', name));
    if ((await isFile(postgres)) && (await isFile(initdb))) return { postgres, initdb };
  }
  return undefined;
}

async function start({ postgres, initdb }, persistent) {
  const user = await ordinaryUser();
  let last = '';
  for (let tries = 0; tries < 3; tries += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-postgres-'));
    if (user.uid !== undefined) await chown(folder, user.uid, user.gid);
    const data = join(folder, 'data');
    const made = await run(initdb, ['-D', data, '-U', 'oxbow', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'], {
      capture: true,
      user,
      cwd: folder,
    });
    if (made.code !== 0) return { reason: `initdb failed: ${made.output.trim().split('\n').at(-1)}` };
    const port = await freePort();
    const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200'];
    const command = [postgres, '-D', data, '-p', String(port), ...settings, ...(persistent ? [] : VOLATILE)];
    // An interrupt is Postgres' word for: end now, in order.
    const held = await hold(folder, command, { signal: 'INT', user });
    const version = await answers(port, held);
    if (version !== undefined) return checkedAge({ url: `postgres://oxbow@127.0.0.1:${port}/postgres`, version, stop: held.stop });
    last = 'it did not answer within 20 s';
    await held.stop();
  }
  return { reason: `${postgres} could not be started: ${last}` };
}

async function checkedAge({ url, version, stop }) {
  const label = `postgres ${version.split(' ')[0]}`;
  if (Number.parseInt(version, 10) >= OLDEST) return { url, label, stop };
  await stop();
  return { reason: `${label} is older than ${OLDEST}` };
}

/** Postgres refuses to run as root: its own user then, or nobody. */
async function ordinaryUser() {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all(['-u', '-g'].map((what) => run('id', [what, name], { capture: true })));
    if (uid.code === 0 && gid.code === 0) return { uid: Number(uid.output), gid: Number(gid.output) };
  }
  throw new Error('Postgres does not run as root, and there is neither a user "postgres" nor "nobody".');
}

async function answers(port, held) {
  const until = performance.now() + 20_000;
  while (performance.now() < until && held.isAlive()) {
    try {
      return await versionOf(port);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return undefined;
}

/** Logs in and reads the version that the server says. */
function versionOf(port) {
  const parameters = Buffer.from('user\0oxbow\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + parameters.length, 0);
  head.writeInt32BE(0x30000, 4);
  return ask({ host: '127.0.0.1', port }, Buffer.concat([head, parameters]), (seen) =>
    seen.includes('Z\x00\x00\x00\x05') ? seen.split('server_version\x00')[1]?.split('\x00')[0] : undefined,
  );
}

/** A Postgres answers the question for TLS with one letter, before any login. */
async function describeGiven(url) {
  const { protocol, hostname, port } = new URL(url);
  const question = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
  try {
    await ask({ host: hostname.replace(/^\[|\]$/gu, ''), port: Number(port || 5432) }, question, (seen) =>
      /^[SN]/u.test(seen) ? seen : undefined,
    );
  } catch (error) {
    throw new Error(`${protocol}//${hostname}:${port || 5432} does not answer as Postgres does: ${error.message}`, { cause: error });
  }
  return `postgres at ${hostname}`;
}

function ask(address, question, answer) {
  const socket = connect({ ...address, timeout: 5000 });
  return new Promise((resolve, reject) => {
    let seen = '';
    socket.on('timeout', () => reject(new Error('timed out')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1');
      const found = answer(seen);
      if (found !== undefined) resolve(found);
    });
    socket.write(question);
  }).finally(() => socket.destroy());
}
