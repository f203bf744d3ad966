/** Installs what package-lock.json says, when node_modules does not hold it. */
import { readFile } from 'node:fs/promises';
import { root, run } from './run.mjs';

/** @returns {Promise<string | undefined>} why an install is needed; undefined when node_modules fits the lock */
async function whyInstall() {
  const lock = await packagesOf('package-lock.json');
  const installed = await packagesOf('node_modules/.package-lock.json');
  if (lock === undefined) throw new Error('package-lock.json is missing or unreadable');
  if (installed === undefined) return 'node_modules is missing';
  for (const [path, wanted] of Object.entries(lock)) {
    if (path === '' || !path.startsWith('node_modules/')) continue;
    const found = installed[path];
    if (found === undefined && !wanted.optional && !wanted.devOptional && !wanted.peer) return `${path} is not installed`;
    if (found !== undefined && found.version !== wanted.version) return `${path} is ${found.version}, the lock says ${wanted.version}`;
  }
  return undefined;
}

async function packagesOf(file) {
  try {
    return JSON.parse(await readFile(`${root}/${file}`, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Runs `npm ci` when it is needed. Ends the process when that fails. */
export async function ensureInstalled() {
  const why = await whyInstall();
  if (why === undefined) return;
  console.log(`installing: ${why}`);
  const { code } = await run('npm', ['ci', '--no-fund', '--no-audit']);
  if (code !== 0) {
    console.error('npm ci failed; what it said is above');
    process.exit(code);
  }
}
