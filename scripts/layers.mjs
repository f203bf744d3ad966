/**
 * `npm run check:layers`: the rooms of packages hold (.dependency-cruiser.cjs). A cruise that looked at nothing is a
 * failure: without a parser that works, the tool sees no file, or no import in it, and says that all is well.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { root, run } from './run.mjs';

const sources = (await readdir(`${root}/packages`)).map((name) => `packages/${name}/src`).filter((path) => existsSync(`${root}/${path}`));
const { output } = await run('depcruise', [...sources, '--config', '.dependency-cruiser.cjs', '--output-type', 'json'], { capture: true });
const problems = await problemsOf(output);
for (const line of problems) console.error(line);
process.exitCode = problems.length > 0 ? 1 : 0;

async function problemsOf(text) {
  let cruise;
  try {
    cruise = JSON.parse(text);
  } catch {
    return [text];
  }
  const modules = cruise.modules.filter(({ source }) => sources.some((path) => source.startsWith(`${path}/`)));
  const imports = modules.reduce((sum, { dependencies }) => sum + dependencies.length, 0);
  console.log(`${modules.length} modules, ${imports} imports, ${cruise.summary.violations.length} violations`);
  const blind = [...(await unseenSources(modules)), ...(await unseenImports(modules))];
  return [...blind, ...cruise.summary.violations.map(describeViolation)];
}

/** TypeScript sources that were not cruised: without swc none is, and what remains may be a single script. */
async function unseenSources(modules) {
  const seen = new Set(modules.map(({ source }) => source));
  const entries = await Promise.all(
    sources.map(async (folder) => (await readdir(`${root}/${folder}`, { recursive: true })).map((name) => `${folder}/${name}`)),
  );
  const files = entries.flat().filter((path) => path.endsWith('.ts'));
  if (files.length === 0) return ['there is no source, so this gate checked nothing'];
  return files.filter((path) => !seen.has(path)).map((path) => `${path}: it was not cruised`);
}

/** Modules whose text has an import that the parser did not see. */
async function unseenImports(modules) {
  const silent = modules.filter(({ source, dependencies }) => dependencies.length === 0 && existsSync(`${root}/${source}`));
  const texts = await Promise.all(silent.map(async ({ source }) => [source, await readFile(`${root}/${source}`, 'utf8')]));
  return texts
    .filter(([, text]) => /^(?:import|export) .*from '/mu.test(text))
    .map(([source]) => `${source}: it has imports and none was seen`);
}

function describeViolation({ from, to, rule, cycle }) {
  const way = cycle === undefined ? to : cycle.map(({ name }) => name).join(' → ');
  return `${rule.severity} ${rule.name}: ${from} → ${way}`;
}
