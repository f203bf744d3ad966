/** `npm run check:house`: small rules that no tool knows. Each function returns one line for each breach. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import { root } from './run.mjs';

const SKIP = new Set(['node_modules', 'dist', '.git', '.turbo', '.docs-run', 'coverage', 'temp']);
const VAGUE = /^(?:utils?|helpers?|common|shared|misc|types|interfaces)(?:\.|$)/u;

const files = (await filesBelow(root)).map((path) => relative(root, path));
const breaches = [...(await lockfile()), ...(await focusedTests()), ...(await loosePins()), ...vagueNames(), ...(await machinePaths())];
for (const line of breaches) console.error(line);
console.log(`${files.length} files, ${breaches.length} breaches`);
process.exitCode = breaches.length === 0 && files.length > 0 ? 0 : 1;

async function filesBelow(folder) {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !SKIP.has(name));
  const found = await Promise.all(
    entries.map((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() ? [path] : [];
    }),
  );
  return found.flat();
}

/** The lock names no server: it would be one that others cannot reach. */
async function lockfile() {
  const { packages } = JSON.parse(await readFile(`${root}/package-lock.json`, 'utf8'));
  return Object.entries(packages)
    .filter(([, { resolved, link }]) => resolved !== undefined && !link)
    .map(([name]) => `package-lock.json: ${name} has a download address; install with omit-lockfile-registry-resolved`);
}

/** A test that is switched off, or alone, is neither seen nor missed. `skipIf` with a reason in its condition is fine. */
async function focusedTests() {
  return linesWith(/\.(?:only|skip|todo|fails)\(/u, (file) => /\.(?:test|test-d|contract)\.ts$/u.test(file), 'switches tests off');
}

async function machinePaths() {
  return linesWith(
    /(?:^|[\s'"`(=])\/(?:home|root|Users|work)\//u,
    (file) => /\.(?:ts|mjs|cjs|json|md|yml)$/u.test(file),
    'names a path of one machine',
  );
}

async function linesWith(pattern, picks, what) {
  const found = [];
  for (const file of files.filter(picks)) {
    const lines = (await readFile(`${root}/${file}`, 'utf8')).split('\n');
    lines.forEach((line, at) => {
      if (pattern.test(line)) found.push(`${file}:${at + 1}: ${what}: ${line.trim()}`);
    });
  }
  return found;
}

/** What we install is pinned exactly; what our users bring (peers) is a range. */
async function loosePins() {
  const found = [];
  for (const file of files.filter((path) => basename(path) === 'package.json')) {
    const manifest = JSON.parse(await readFile(`${root}/${file}`, 'utf8'));
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/u.test(version)) found.push(`${file}: ${name} is "${version}", not an exact version`);
    }
  }
  return found;
}

function vagueNames() {
  return files
    .filter((file) => file.split('/').some((part) => VAGUE.test(part)))
    .map((file) => `${file}: a name that says nothing; name it after what is in it`);
}
