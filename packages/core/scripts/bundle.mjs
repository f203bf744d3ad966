/**
 * Makes what is published of dist: each entry of the package, and what they share, is one file. Three hundred modules take a process 100 ms and
 * 6 MiB more (docs/decisions/0024-memory.md). `zod` is in the files, without what we do not use of it; all other packages are loaded.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, transform } from 'esbuild';

const home = `${import.meta.dirname}/..`;
const dist = `${home}/dist`;
const { dependencies, devDependencies, peerDependencies } = JSON.parse(readFileSync(`${home}/package.json`, 'utf8'));
const common = {
  absWorkingDir: home,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'es2023',
  outdir: 'dist',
  external: Object.keys({ ...dependencies, ...peerDependencies }).flatMap((name) => [name, `${name}/*`]),
  sourcemap: 'inline',
  sourcesContent: false,
  // All that takes out every comment; they are printed anew below.
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  write: false,
  logLevel: 'warning',
};

for (const name of readdirSync(dist)) if (/\.js(?:\.map)?$/u.test(name)) rmSync(join(dist, name));
const made = await Promise.all([
  // What has state is in a file that they share.
  build({
    ...common,
    splitting: true,
    entryPoints: ['src/index.ts', 'src/operate.ts', 'src/isolation/child-main.ts'],
    entryNames: '[name]',
  }),
  // A thread shares nothing, and may start when a deployment has taken the files of its process away: it needs one.
  build({ ...common, entryPoints: ['src/engine/lock-thread.ts'], entryNames: '[name]' }),
]);
const files = made.flatMap(({ outputFiles }) => outputFiles);
await Promise.all(files.map(write));
const licences = bundled(made.flatMap(({ metafile }) => Object.keys(metafile.inputs)));
writeFileSync(`${dist}/THIRD-PARTY-LICENSES.txt`, licences.join('\n'));
for (const door of ['index', 'operate']) assertDeclared(`${dist}/${door}.d.ts`);
const bytes = files.reduce((sum, { path }) => sum + readFileSync(path).length, 0);
console.log(`dist: ${files.length} files of JavaScript, ${Math.round(bytes / 1024)} KiB`);

/** Readable in a stack: a statement a line, and its map. */
async function write({ path, text }) {
  const name = basename(path);
  const printed = await transform(text, {
    format: 'esm',
    target: 'es2023',
    sourcefile: name,
    sourcemap: 'external',
    sourcesContent: false,
  });
  const code = withClassNames(printed.code);
  // oxlint-disable-next-line no-control-regex -- it is about these
  const odd = /[^\u0000-\u007f]/u.exec(code);
  // V8 keeps the text, and a single such letter makes all of it take two bytes a letter.
  if (odd !== null) throw new Error(`${name} has the letter "${odd[0]}" outside of a string: write it as an escape`);
  writeFileSync(path, `${code}//# sourceMappingURL=${name}.map\n`);
  writeFileSync(`${path}.map`, printed.map);
}

/** A class has the name that its source gives it: that of an error is stored in jobs. esbuild renames those that name themselves, and one of two. */
function withClassNames(code) {
  const twice = /\bclass (?<name>\w+Error)\d+\b/u.exec(code);
  if (twice !== null) throw new Error(`there are two classes ${twice.groups.name}`);
  return [...code.matchAll(/^var (?<name>\w+) = class _\k<name>\b/gmu)].reduce(
    (text, { groups }) => text.replaceAll(new RegExp(`\\b_${groups.name}\\b`, 'gu'), groups.name),
    code,
  );
}

/** The licences of the packages that are in the files, each once. */
function bundled(inputs) {
  const names = inputs.flatMap((path) => /.*node_modules\/(?<name>(?:@[^/]+\/)?[^/]+)\//u.exec(path)?.groups.name ?? []);
  return [...new Set(names)].map((name) => {
    if (devDependencies[name] === undefined) throw new Error(`${name} is in the files and no dependency of ours`);
    return `${name} ${devDependencies[name]}\n\n${readFileSync(`${home}/../../node_modules/${name}/LICENSE`, 'utf8')}`;
  });
}

/** What a front door's declarations import is installed with the package: zod is not. */
function assertDeclared(path, seen = new Set()) {
  if (seen.has(path)) return;
  seen.add(path);
  for (const [, from] of readFileSync(path, 'utf8').matchAll(/(?:from|import\() ?['"]([^'"]+)['"]/gu)) {
    if (from.startsWith('.')) assertDeclared(join(dirname(path), from.replace(/\.[jt]s$/u, '.d.ts')), seen);
    else if (
      !from.startsWith('node:') &&
      !Object.keys({ ...dependencies, ...peerDependencies }).some((name) => `${from}/`.startsWith(`${name}/`))
    )
      throw new Error(`${path} imports ${from}, which is not installed with the package: mark what is typed by it @internal`);
  }
}
