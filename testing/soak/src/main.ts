/** `main.js soak`, `main.js crash`, `main.js load`, `main.js rolling`: what the commands of these names run. */
import { parseArgs } from 'node:util';
import { crash } from './crash.ts';
import { large } from './large.ts';
import { load } from './load.ts';
import type { EngineName } from './orders.ts';
import { rolling } from './rolling.ts';
import { abandon, usableEngines } from './site.ts';
import { soak } from './soak.ts';

const SAMPLE_JOBS = 2000;
const ROLLING_SAMPLE = { jobs: 0, restarts: 2, slots: 4 };
const LOAD_JOBS = 100_000;
const ROLLING_JOBS = 4000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '20' },
    canvas: { type: 'string' },
    point: { type: 'string' },
    sample: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    members: { type: 'string', default: '100000' },
    jobs: { type: 'string' },
  },
});
const seed = Number(values.seed);
const inCi = ![undefined, '', 'false'].includes(process.env['CI']);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void abandon().finally(() => process.exit(1)));

const { usable, missing } = usableEngines(values.engine);
let passed = 0;
let failed = 0;

// CI repeats the lines that begin with `failed: ` at the end of its output.
for (const engine of missing) say(`${inCi ? 'failed: ' : ''}${engine}: not run: there is no server program`);
if (inCi) failed += missing.length;
const one = async (engine: EngineName): Promise<void> => {
  const counts = await measure(engine).catch((error: unknown) => {
    say(`failed: ${positionals[0] ?? 'soak'} ${engine}: could not be measured: ${String(error)}`);
    return { passed: 0, failed: 1 };
  });
  passed += counts.passed;
  failed += counts.failed;
};
// A sample of a load waits more than it works.
if (positionals[0] === 'load' && values.sample) await Promise.all(usable.map(one));
else for (const engine of usable) await one(engine);
// What half-open connections would keep alive ends here.
process.stdout.write(`${passed} passed, ${failed} failed\n`, () => process.exit(failed === 0 && passed > 0 ? 0 : 1));

async function measure(engine: EngineName): Promise<Counts> {
  const { canvas, point, sample } = values;
  if (positionals[0] === 'crash') return crash(engine, { canvas, point, sample: sample ? seed : undefined, say });
  const roll = async (): Promise<Counts> =>
    rolling(engine, { jobs: Number(values.jobs ?? ROLLING_JOBS), restarts: 4, slots: 10, ...(sample ? ROLLING_SAMPLE : {}), say });
  if (positionals[0] === 'rolling') return roll();
  if (positionals[0] === 'load') {
    if (!sample) return load(engine, { jobs: Number(values.jobs ?? LOAD_JOBS), workers: 3, say });
    const counts = await load(engine, { jobs: SAMPLE_JOBS, workers: 2, say });
    // The sample of a rolling restart comes with it.
    const rolled = await roll();
    return { passed: counts.passed + rolled.passed, failed: counts.failed + rolled.failed };
  }
  if (values.large) return large(engine, { members: Number(values.members), say });
  return soak(engine, { seconds: (Number(values.minutes) * 60) / usable.length, seed, say });
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
}
