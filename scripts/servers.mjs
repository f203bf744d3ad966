/**
 * Servers for tests, demo, examples and benchmarks. A server is, in this order: a URL in the environment, a binary on
 * the path, a Debian package installed when root. What we start listens on a free port of 127.0.0.1, keeps its data in
 * a temporary folder, and ends with us: `stop()` ends it by its pid, and should this process be killed outright, the
 * shell that holds the server sees its standard input close and ends it.
 */
import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { freePort, hold, installDebian, onPath } from './servers/process.mjs';

export { provideChromium } from './servers/chromium.mjs';
export { providePostgres } from './servers/postgres.mjs';
export { providePrometheus } from './servers/prometheus.mjs';

/**
 * @typedef {{ url: string, label: string, stop: () => Promise<void> }} Server
 * @typedef {{ url?: undefined, reason: string }} NoServer
 */

const OLDEST_REDIS = [6, 2];

/**
 * @param {{ persistent?: boolean, install?: boolean }} [options] `persistent`: append-only file, as in production
 * @returns {Promise<Server | NoServer>}
 * @throws when OXBOW_TEST_REDIS_URL is set and no server answers there: never silently another one
 */
export async function provideRedis({ persistent = false, install = true } = {}) {
  const given = process.env.OXBOW_TEST_REDIS_URL;
  if (given) return { url: given, label: describeRedis(await redisInfo(given)), stop: async () => {} };
  const found = (await onPath('redis-server')) ?? (await onPath('valkey-server'));
  if (found !== undefined) return startRedis(found, persistent);
  const none = 'no OXBOW_TEST_REDIS_URL, no redis-server on the path';
  if (!install || process.getuid?.() !== 0) return { reason: `${none} and not root to install one` };
  if ((await onPath('apt-get')) === undefined) return { reason: `${none} and no apt-get to install one` };
  const failure = await installDebian('redis-server');
  const installed = await onPath('redis-server');
  if (installed === undefined) return { reason: `${none} and installing it failed: ${failure ?? 'the package has no such binary'}` };
  return startRedis(installed, persistent);
}

async function startRedis(binary, persistent) {
  let last = '';
  for (let tries = 0; tries < 3; tries += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-redis-'));
    const port = await freePort();
    const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', '', '--appendonly', persistent ? 'yes' : 'no'];
    const held = await hold(folder, [binary, ...args, '--daemonize', 'no']);
    const url = `redis://127.0.0.1:${port}`;
    const info = await answers(url, held);
    // Another program may have taken the port between our look and the start: it must be our process that answers.
    if (info !== undefined && info.process_id === String(held.pid))
      return checkedAge({ url, label: describeRedis(info), stop: held.stop }, info);
    last = info === undefined ? 'it did not answer within 10 s' : 'its port was taken';
    await held.stop();
  }
  return { reason: `${binary} could not be started: ${last}` };
}

async function checkedAge(server, info) {
  if (info.server_name === 'valkey') return server;
  const [major = 0, minor = 0] = info.redis_version.split('.').map(Number);
  if (major > OLDEST_REDIS[0] || (major === OLDEST_REDIS[0] && minor >= OLDEST_REDIS[1])) return server;
  await server.stop();
  return { reason: `${server.label} is older than ${OLDEST_REDIS.join('.')}` };
}

function describeRedis(info) {
  return info.server_name === 'valkey' ? `valkey-server ${info.valkey_version}` : `redis-server ${info.redis_version}`;
}

async function answers(url, held) {
  const until = performance.now() + 10_000;
  while (performance.now() < until && held.isAlive()) {
    try {
      return await redisInfo(url);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return undefined;
}

/** Asks a Redis server what it is, without a client: nothing is installed yet. */
export async function redisInfo(url) {
  const { protocol, hostname, port, username, password } = new URL(url);
  const open = protocol === 'rediss:' ? connectTls : connect;
  const socket = open({ host: hostname.replace(/^\[|\]$/gu, ''), port: Number(port || 6379), timeout: 5000 });
  const login = password ? ['AUTH', ...(username ? [decodeURIComponent(username)] : []), decodeURIComponent(password)] : [];
  try {
    const text = await new Promise((resolve, reject) => {
      let seen = '';
      socket.on('timeout', () => reject(new Error('timed out')));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed')));
      socket.on('data', (chunk) => {
        seen += chunk;
        const refused = /^-(?<why>.*)$/mu.exec(seen);
        if (refused) reject(new Error(refused.groups.why));
        if (/process_id:\d+\r\n/u.test(seen)) resolve(seen);
      });
      socket.write(`${login.length > 0 ? resp(login) : ''}${resp(['INFO', 'server'])}`);
    });
    return Object.fromEntries([...text.matchAll(/^(?<key>\w+):(?<value>.*)\r$/gmu)].map(({ groups }) => [groups.key, groups.value]));
  } catch (error) {
    throw new Error(`${protocol}//${hostname}:${port || 6379} does not answer as Redis does: ${error.message}`, { cause: error });
  } finally {
    socket.destroy();
  }
}

function resp(words) {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}
