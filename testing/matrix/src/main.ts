/** The fault matrix: rows, engines and sizes by flags, one process tree a measurement, the table at the end. */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createApp, OxbowError } from '@oxbow/core';
import { postgresProgram, redisProgram } from '@oxbow/faults';
import { abandon, measure } from './measure.ts';
import type { EngineName } from './orders.ts';
import { describe, toMarkdown, type Absence, type Result } from './report.ts';
import { faultOn, verdict, type Figures, type Row } from './row.ts';
import { ROWS } from './rows.ts';

const { values } = parseArgs({
  options: {
    row: { type: 'string', multiple: true },
    engine: { type: 'string' },
    sample: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const inCi = ![undefined, '', 'false'].includes(process.env['CI']);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void abandon().finally(() => process.exit(1)));

const results: Result[] = [];
let broken = 0;
const engines = usableEngines();
for (const engine of engines) {
  for (const row of picked(engine)) {
    try {
      const result = await compare(row, engine);
      results.push(result);
      say(
        `${result.wrong.length === 0 ? 'ok  ' : 'RED '} ${engine} ${row.id} ${result.fault}${result.wrong.length === 0 ? '' : `: ${result.wrong.join('; ')}`}`,
      );
    } catch (error) {
      broken++;
      say(`RED  ${engine} ${row.id} ${faultOn(row, engine)}: could not be measured: ${(error as Error).message}`);
    }
  }
}
const failed = await report();
// Half-open connections, the point of some rows, would keep the process.
process.stdout.write(`\n${results.length + broken - failed} passed, ${failed} failed\n`, () => {
  process.exit(failed === 0 && results.length > 0 ? 0 : 1);
});

function usableEngines(): readonly EngineName[] {
  return (['redis', 'postgres'] as const).filter((engine) => {
    if (values.engine !== undefined && values.engine !== engine) return false;
    const reason = missing(engine);
    if (reason !== undefined) say(`${engine}: not run: ${reason}`);
    if (reason !== undefined && inCi) broken++;
    return reason === undefined;
  });
}

function missing(engine: EngineName): string | undefined {
  const program = engine === 'redis' ? redisProgram : postgresProgram;
  if (program === undefined) return 'there is no server program';
  try {
    createApp({ name: 'probe', url: `${engine}://127.0.0.1:1`, logLevel: 'silent' });
    return undefined;
  } catch (error) {
    return OxbowError.is(error) ? error.message : String(error);
  }
}

function asked(): readonly Row[] {
  return values.row === undefined ? ROWS : ROWS.filter(({ id }) => values.row?.includes(id));
}

function picked(engine: EngineName): readonly Row[] {
  const ofEngine = asked().filter((row) => row.engines.includes(engine));
  if (values.row !== undefined) return ofEngine;
  return values.sample ? ofEngine.filter((row) => row.sampled.includes(engine)) : ofEngine;
}

async function compare(row: Row, engine: EngineName): Promise<Result> {
  const run = async (side: 'oxbow' | 'raw'): Promise<Figures> => {
    const figures = await measure(row, { engine, side, seed, sample: values.sample });
    say(`     ${engine} ${row.id} ${side}: ${describe(figures)}`);
    return figures;
  };
  const [raw, oxbow] = [await run('raw'), await run('oxbow')];
  return { row: row.id, fault: faultOn(row, engine), engine, oxbow, raw, wrong: verdict(row, oxbow, raw) };
}

function absences(row: Row): readonly Absence[] {
  const { id, absent } = row;
  if (absent === undefined) return [];
  return engines.flatMap((engine) =>
    row.engines.includes(engine) ? [] : [{ row: id, fault: faultOn(row, engine), engine, reason: absent }],
  );
}

/** How many rows are red. */
async function report(): Promise<number> {
  const about = { at: new Date().toISOString(), node: process.version, cores: cpus().length, seed, sample: values.sample };
  say(`\nNode ${about.node}, ${about.cores} cores, seed ${seed}, ${values.sample ? 'sample' : 'full'} sizes\n`);
  const absent = values.sample ? [] : asked().flatMap((row) => absences(row));
  say(toMarkdown(results, absent));
  const out = new URL('../out/', import.meta.url);
  await mkdir(out, { recursive: true });
  await writeFile(new URL('results.json', out), `${JSON.stringify({ ...about, results }, undefined, 2)}\n`);
  return broken + results.filter(({ wrong }) => wrong.length > 0).length;
}
