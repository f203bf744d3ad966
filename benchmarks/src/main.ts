/**
 * Oxbow beside raw BullMQ on the same server in the same run: every figure is a median, sides take turns, each in a
 * process of its own. `--runs 5`, `--case consume`, `--quick` (a fifth of the size), `--smoke` (one tiny run: it works),
 * `--celery` (canvases beside Debian's Celery too).
 * Needs OXBOW_BENCH_REDIS_URL and OXBOW_BENCH_POSTGRES_URL (scripts/bench.mjs provides them); prints a table and writes out/results.json.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCelery, runMeasure, startWorker } from './children.ts';
import { freshPlace } from './place.ts';
import type { Rival } from './sides.ts';

interface Case {
  readonly name: string;
  readonly size: number;
  /** Metric → what is shown: ours ÷ raw or raw ÷ ours, or the difference. */
  readonly compare: readonly Comparison[];
  /** A queue of jobs, or a worker, that another process provides. */
  readonly given?: 'jobs' | 'worker';
  /** Its size on Postgres; absent: not measured there. */
  readonly postgres?: number;
}

interface Comparison {
  readonly metric: string;
  /** `speed`: raw ÷ ours, above 1 when ours is faster. */
  readonly by: 'ratio' | 'difference' | 'speed';
  readonly bar: string;
}

interface Row {
  readonly name: string;
  readonly metric: string;
  readonly oxbow: number;
  readonly raw: number | undefined;
  readonly compared: number | undefined;
  readonly bar: string;
}

const rate = (bar: string): readonly Comparison[] => [
  { metric: 'perSecond', by: 'ratio', bar },
  { metric: 'cpuMicrosPerJob', by: 'ratio', bar: '' },
];

/** Beside hand-written flows; on Postgres the bar is 1.0 for all. */
function canvases(bars: Readonly<Record<string, string>>): readonly Case[] {
  return Object.entries(bars).map(([name, bar]) => ({
    name: `canvas-${name}`,
    size: 1,
    postgres: 1,
    compare: [{ metric: 'ms', by: 'speed', bar }],
  }));
}

const CELERY_BARS = { 'chain-100': '≥ 1.5', 'chains-200x5': '≥ 5', 'chord-1000': '≥ 5', 'group-1000': '≥ 5' } as const;

const CASES: readonly Case[] = [
  { name: 'consume-1', given: 'jobs', size: 15_000, postgres: 3000, compare: rate('≥ 0.95') },
  { name: 'consume-10', given: 'jobs', size: 30_000, postgres: 6000, compare: rate('≥ 1.0') },
  { name: 'consume-100', given: 'jobs', size: 40_000, postgres: 6000, compare: rate('≥ 1.0') },
  { name: 'enqueue-burst', size: 40_000, postgres: 8000, compare: rate('≥ 1.0') },
  { name: 'enqueue-callers', size: 40_000, postgres: 8000, compare: rate('≥ 1.0') },
  {
    name: 'latency',
    size: 5000,
    postgres: 1000,
    given: 'worker',
    compare: [
      { metric: 'p50Ms', by: 'ratio', bar: '≤ 0.8' },
      { metric: 'p99Ms', by: 'ratio', bar: '≤ 0.8' },
    ],
  },
  {
    name: 'footprint',
    size: 1,
    compare: [
      { metric: 'bytesPerJob', by: 'difference', bar: '≤ 200' },
      { metric: 'bytesPerKeptJob', by: 'difference', bar: '≤ 200' },
      { metric: 'tripsToEnqueue', by: 'difference', bar: '0' },
      { metric: 'tripsToRun', by: 'difference', bar: '0' },
    ],
  },
  ...canvases({
    'chain-100': '≥ 1.0',
    'chains-200x5': '≥ 1.0',
    'chord-1000': '≥ 0.95',
    'group-1000': '≥ 0.95',
    'nested-8': '≥ 0.9',
    'nested-8x50': '≥ 0.9',
  }),
  { name: 'idle', size: 1, compare: [{ metric: 'rssMiB', by: 'difference', bar: '≤ 15' }] },
];

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    case: { type: 'string' },
    quick: { type: 'boolean' },
    smoke: { type: 'boolean' },
    celery: { type: 'boolean' },
  },
});
const runs = values.smoke ? 1 : Number(values.runs);
const scale = values.smoke ? 0.02 : values.quick ? 0.2 : 1;
/** That one of them works is enough for a smoke run: canvases have one size, consume-1 and consume-100 are the code of consume-10, and what has no rival is the same code on Redis. */
const SKIPPED_BY_SMOKE = /canvas-(?!chord-1000)|consume-1(?:00)?$|postgres-(?:pool|metered|watched)$/u;
const wanted = (name: string): boolean =>
  (values.case === undefined || name.startsWith(values.case)) && !(values.smoke === true && SKIPPED_BY_SMOKE.test(name));
const stamp = Date.now().toString(36);

const rows: Row[] = [];
for (const engine of ['redis', 'postgres'] as const) {
  const variable = `OXBOW_BENCH_${engine.toUpperCase()}_URL`;
  const url = process.env[variable];
  if (url === undefined) console.log(`${engine}: not run: ${variable} is not set (npm run bench provides a server)`);
  else for (const one of casesOf(engine)) rows.push(...(await compareSides(one, url)));
}
for (const engine of ['redis', 'postgres'] as const) {
  rows.push(...(await alone('watched', engine, 10_000)));
  rows.push(...(await alone('pool', engine, 10_000)));
  rows.push(...(await metered(engine)));
}
rows.push(...(await alone('scrape', 'redis', 200)));
rows.push(...(await embedded()));
if (values.celery === true) rows.push(...(await beside(rows)));
await report();

function casesOf(engine: 'redis' | 'postgres'): readonly Case[] {
  if (engine === 'redis') return CASES.filter(({ name }) => wanted(name));
  return CASES.flatMap(({ postgres: size, name, compare, ...rest }) => {
    if (size === undefined || !wanted(`postgres-${name}`)) return [];
    const bars = compare.map((one) => ({ ...one, bar: onPostgres(name, one.bar) }));
    return [{ ...rest, name: `postgres-${name}`, size, compare: bars }];
  });
}

function onPostgres(name: string, bar: string): string {
  if (name.startsWith('enqueue') && bar !== '') return '≥ 5';
  return name.startsWith('canvas') ? '≥ 1.0' : bar;
}

async function compareSides(one: Case, server: string): Promise<Row[]> {
  const results: Record<Rival, Readonly<Record<string, number>>[]> = { oxbow: [], raw: [] };
  const size = Math.max(100, Math.round((one.size * scale) / 100) * 100);
  const name = one.name.replace('postgres-', '');
  for (let run = 0; run < runs; run += 1) {
    const order: readonly Rival[] = run % 2 === 0 ? ['raw', 'oxbow'] : ['oxbow', 'raw'];
    for (const side of order) {
      const app = `${name}-${stamp}-${run}`;
      const place = await freshPlace(server);
      if (one.given === 'jobs') await runMeasure('fill', side, place.url, app, size);
      const worker = one.given === 'worker' ? await startWorker(side, place.url, app) : undefined;
      results[side].push(await runMeasure(name, side, place.url, app, size));
      await worker?.stop();
      await place.remove();
    }
    process.stderr.write(`${one.name} ${run + 1}/${runs}\n`);
  }
  return one.compare.map(({ metric, by, bar }) => {
    const oxbow = median(results.oxbow.map((result) => result[metric] ?? Number.NaN));
    const raw = median(results.raw.map((result) => result[metric] ?? Number.NaN));
    return { name: one.name, metric, oxbow, raw, compared: compare(by, oxbow, raw), bar };
  });
}

function compare(by: Comparison['by'], oxbow: number, raw: number): number {
  if (by === 'difference') return oxbow - raw;
  return by === 'speed' ? raw / oxbow : oxbow / raw;
}

/** The canvas rows again, with Celery in the place of hand-written flows. */
async function beside(measured: readonly Row[]): Promise<Row[]> {
  const { port } = new URL(process.env['OXBOW_BENCH_REDIS_URL'] ?? 'redis://127.0.0.1');
  const compared: Row[] = [];
  for (const [name, bar] of Object.entries(CELERY_BARS)) {
    const ours = measured.find((row) => row.name === `canvas-${name}`);
    if (ours === undefined) continue;
    const { ms } = await runCelery(name, port, runs);
    compared.push({ ...ours, name: `canvas-${name}, beside Celery`, raw: ms, compared: compare('speed', ours.oxbow, ms), bar });
  }
  return compared;
}

async function embedded(): Promise<Row[]> {
  if (!wanted('embedded')) return [];
  const fresh: number[] = [];
  const existing: number[] = [];
  const pickUp: Readonly<Record<string, number>>[] = [];
  const flow: Readonly<Record<string, number>>[] = [];
  const root = await mkdtemp(join(tmpdir(), 'oxbow-bench-'));
  for (let run = 0; run < runs; run += 1) {
    const directory = `embedded:${join(root, String(run))}`;
    fresh.push((await runMeasure('embedded-first-job', 'oxbow', directory, 'bench', 1))['ms'] ?? Number.NaN);
    existing.push((await runMeasure('embedded-first-job', 'oxbow', directory, 'bench', 1))['ms'] ?? Number.NaN);
    pickUp.push(await runMeasure('embedded-pick-up', 'oxbow', 'embedded:', 'bench', Math.round(200 * scale) + 10));
    flow.push(await runMeasure('embedded-throughput', 'oxbow', 'embedded:', 'bench', Math.round(5000 * scale) + 100));
    process.stderr.write(`embedded ${run + 1}/${runs}\n`);
  }
  await rm(root, { recursive: true, force: true });
  const row = (name: string, metric: string, all: readonly number[], bar: string): Row => ({
    name,
    metric,
    oxbow: median(all),
    raw: undefined,
    compared: undefined,
    bar,
  });
  const of = (results: typeof flow, metric: string): readonly number[] => results.map((result) => result[metric] ?? Number.NaN);
  return [
    row('embedded, new directory', 'first job, ms', fresh, '≤ 4000'),
    row('embedded, existing directory', 'first job, ms', existing, '≤ 1500'),
    row('embedded, idle worker', 'pick-up p50, ms', of(pickUp, 'p50Ms'), '≤ 15'),
    row('embedded, idle worker', 'pick-up p99, ms', of(pickUp, 'p99Ms'), ''),
    row('embedded', 'adds/s', of(flow, 'addsPerSecond'), ''),
    row('embedded', 'jobs/s', of(flow, 'perSecond'), ''),
  ];
}

/** Nothing of BullMQ's compares: its `waitUntilFinished` knows of the end only, it reads one queue at a time, and its slots are each worker's own. */
async function alone(measured: 'watched' | 'pool' | 'scrape', engine: 'redis' | 'postgres', size: number): Promise<Row[]> {
  const name = engine === 'redis' ? measured : `postgres-${measured}`;
  const server = process.env[`OXBOW_BENCH_${engine.toUpperCase()}_URL`];
  if (server === undefined || !wanted(name)) return [];
  const results: Readonly<Record<string, number>>[] = [];
  for (let run = 0; run < runs; run += 1) {
    const place = await freshPlace(server);
    results.push(await runMeasure(measured, 'oxbow', place.url, `${measured}-${stamp}-${run}`, Math.max(100, size * scale)));
    await place.remove();
    process.stderr.write(`${name} ${run + 1}/${runs}\n`);
  }
  return Object.keys(results[0] ?? {}).map((metric) => {
    const oxbow = median(results.map((result) => result[metric] ?? Number.NaN));
    return { name, metric, oxbow, raw: undefined, compared: undefined, bar: '' };
  });
}

/** Jobs of an app that is measured, or counts the jobs that have ended, beside those of one that is not. */
async function metered(engine: 'redis' | 'postgres'): Promise<Row[]> {
  const name = engine === 'redis' ? 'metered' : 'postgres-metered';
  const server = process.env[`OXBOW_BENCH_${engine.toUpperCase()}_URL`];
  if (server === undefined || !wanted(name)) return [];
  const sides = ['oxbow', 'metered', 'counted'] as const;
  const results: Record<(typeof sides)[number], Readonly<Record<string, number>>[]> = { oxbow: [], metered: [], counted: [] };
  for (let run = 0; run < runs; run += 1) {
    for (const side of run % 2 === 0 ? sides : sides.toReversed()) {
      const place = await freshPlace(server);
      const [app, size] = [`metered-${stamp}-${run}`, Math.max(100, (engine === 'redis' ? 30_000 : 6000) * scale)];
      await runMeasure('fill', side, place.url, app, size);
      results[side].push(await runMeasure('consume-10', side, place.url, app, size));
      await place.remove();
    }
    process.stderr.write(`${name} ${run + 1}/${runs}\n`);
  }
  const of = (side: (typeof sides)[number], metric: string): number => median(results[side].map((result) => result[metric] ?? Number.NaN));
  return (['metered', 'counted'] as const).flatMap((side) =>
    ['perSecond', 'cpuMicrosPerJob'].map((metric) => {
      const [oxbow, raw] = [of(side, metric), of('oxbow', metric)];
      return { name: `${name}: ${side} beside neither`, metric, oxbow, raw, compared: oxbow / raw, bar: '' };
    }),
  );
}

function median(all: readonly number[]): number {
  const sorted = [...all].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

async function report(): Promise<void> {
  const show = (value: number | undefined): string =>
    value === undefined ? '' : value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
  console.log(`\nNode ${process.version}, ${cpus().length} cores, median of ${runs}\n`);
  console.log('| case | metric | Oxbow | raw BullMQ | Oxbow ÷ or − raw | bar |\n|---|---|--:|--:|--:|---|');
  for (const row of rows)
    console.log(`| ${row.name} | ${row.metric} | ${show(row.oxbow)} | ${show(row.raw)} | ${show(row.compared)} | ${row.bar} |`);
  const out = new URL('../out/', import.meta.url);
  await mkdir(out, { recursive: true });
  await writeFile(
    new URL('results.json', out),
    `${JSON.stringify({ at: new Date().toISOString(), node: process.version, cores: cpus().length, runs, scale, rows }, undefined, 2)}\n`,
  );
}
