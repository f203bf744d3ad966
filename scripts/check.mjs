/** `npm run check`: runs every gate, also after a red one, and says how long each took. Names as arguments pick some: `npm run check -- lint api`. */
import { ensureInstalled } from './install.mjs';
import { gates } from './gates.mjs';
import { run, seconds } from './run.mjs';

const picked = process.argv.slice(2);
const unknown = picked.filter((name) => !gates.includes(name));
if (unknown.length > 0) {
  console.error(`no such gate: ${unknown.join(', ')}; there are ${gates.join(', ')}`);
  process.exit(2);
}

await ensureInstalled();
const lines = [];
let failed = 0;
for (const name of picked.length > 0 ? picked : gates) {
  const startedAt = performance.now();
  const { code, output } = await run('npm', ['run', '--silent', `check:${name}`], { capture: true });
  const verdict = code === 0 ? 'ok  ' : 'FAIL';
  if (code !== 0) {
    failed += 1;
    console.log(`\n--- check:${name} ---\n${output.trimEnd()}\n`);
  }
  lines.push(`${verdict} ${name} (${seconds(startedAt)})`);
  console.log(lines.at(-1));
}
if (failed > 0) console.log(`\n${lines.join('\n')}`);
console.log(`${lines.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
