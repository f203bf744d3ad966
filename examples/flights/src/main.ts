/**
 * The demo: starts the service, kills it with SIGKILL when half of the flights are counted, starts it again, checks that
 * every flight was counted exactly once, and shows what came out and the run that it came from.
 *
 * Usage: main.js [--flights <number>]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createBars, paint, type Bars } from './bars.ts';
import { ALL_FLIGHTS, RANGES } from './flights.ts';
import { assertExactlyOnce, type Ranking } from './ranking.ts';
import type { News } from './service.ts';
import { treeLines } from './tree.ts';

const out = process.stdout;
const BOLD = 1;
const GREEN = 32;
const RED = 31;
/** Columns of an airport's name, so that the table has less than 80. */
const NAME = 55;

const example = fileURLToPath(new URL('..', import.meta.url));

/** One demo, and where it keeps its files. */
interface Demo {
  readonly flights: number;
  readonly directory: string;
  readonly bars: Bars;
}

/** The end of one service. */
type End = Extract<News, { kind: 'finished' }> | { readonly kind: 'killed'; readonly succeeded: number };

/** Empty counts as not set. */
const url = process.env['OXBOW_URL'] === '' ? undefined : process.env['OXBOW_URL'];

let running: ChildProcess | undefined;

async function runService(demo: Demo, life: 'first' | 'second'): Promise<End> {
  const child = fork(join(example, 'dist', 'service.js'), [join(demo.directory, 'run'), String(demo.flights)], {
    env: {
      ...process.env,
      OXBOW_URL: url ?? `embedded:${join(demo.directory, 'engine')}`,
      OXBOW_LOG_LEVEL: process.env['OXBOW_LOG_LEVEL'] ?? 'warn',
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  // What the service logs must not fall into the bars.
  if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => demo.bars.note(line));
  running = child;
  let end: End | undefined;
  let succeeded = 0;
  child.on('message', (news: News) => {
    if (end !== undefined) return;
    if (news.kind === 'started' && life === 'first' && succeeded >= RANGES / 2) {
      // Something is running now, for sure.
      end = { kind: 'killed', succeeded };
      child.kill('SIGKILL');
    }
    if (news.kind === 'ready' && news.resumed) demo.bars.note('The service is back, and goes on with what its engine holds.');
    if (news.kind === 'succeeded') succeeded += 1;
    if (news.kind === 'counts') demo.bars.update(news.counts);
    if (news.kind === 'finished') end = news;
  });
  const how = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(`exit code ${code}, signal ${signal}`));
  });
  if (end === undefined) throw new Error(`The service ended too early: ${how}.`);
  return end;
}

async function runDemo(demo: Demo): Promise<void> {
  demo.bars.note('Starting the service.');
  const killed = await runService(demo, 'first');
  if (killed.kind !== 'killed') throw new Error('The service was done before it could be killed.');
  demo.bars.note(
    paint(out, RED, `SIGKILL after ${killed.succeeded} of ${RANGES} ranges, in the middle of the next. Starting the service again.`),
  );

  const finished = await runService(demo, 'second');
  if (finished.kind !== 'finished') throw new Error('The second service did not finish.');
  const { report, results, startedTwice, tree } = finished;
  assertExactlyOnce(results, demo.flights);
  if (report.ranking.flights !== demo.flights) throw new Error(`The report is of ${report.ranking.flights} flights, not ${demo.flights}.`);
  const verdict = `✔ ${demo.flights.toLocaleString('en-US')} flights counted exactly once.`;
  out.write(`\n${paint(out, GREEN, verdict)} ${RANGES} ranges, one result each; the kill made ${startedTwice} of them start twice.\n`);

  printWorst(report.ranking);
  mkdirSync(join(example, 'out'), { recursive: true });
  const chart = join(example, 'out', 'worst-airports.svg');
  writeFileSync(chart, report.chart);
  out.write(`\nChart: ${relative(process.cwd(), chart)}\n`);
  out.write(`\n${paint(out, BOLD, 'The run')}\n${treeLines(tree).join('\n')}\n\n`);
}

function printWorst({ worst, fewest }: Ranking): void {
  out.write(`\n${paint(out, BOLD, `${'Late from'.padEnd(NAME)} ${'mean'.padStart(8)} ${'late'.padStart(5)} ${'flights'.padStart(8)}`)}\n`);
  for (const { airport, meanDelay, lateShare, flights } of worst.slice(0, 10)) {
    const name = `${airport.code}  ${airport.name}, ${airport.place}`.padEnd(NAME).slice(0, NAME);
    const mean = `${meanDelay.toFixed(1)} min`.padStart(8);
    out.write(`${name} ${mean} ${`${Math.round(100 * lateShare)}%`.padStart(5)} ${flights.toLocaleString('en-US').padStart(8)}\n`);
  }
  out.write(`Mean arrival delay by airport of departure, at least ${fewest.toLocaleString('en-US')} flights; late: 15 minutes or more.\n`);
}

function flightsToCount(): number {
  const { values } = parseArgs({ options: { flights: { type: 'string', default: String(ALL_FLIGHTS) } } });
  const flights = Number(values.flights);
  if (!Number.isInteger(flights) || flights < 1_000 || flights > ALL_FLIGHTS) {
    throw new Error(
      `--flights takes a whole number from 1,000 to ${ALL_FLIGHTS.toLocaleString('en-US')}; it got ${JSON.stringify(values.flights)}.`,
    );
  }
  return flights;
}

const flights = flightsToCount();
const directory = mkdtempSync(join(tmpdir(), 'oxbow-flights-'));
process.once('exit', () => {
  running?.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
});
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('SIGHUP', () => process.exit(129));

const engine = url === undefined ? 'an embedded engine on disk' : 'the engine of OXBOW_URL';
out.write(`Counting ${flights.toLocaleString('en-US')} US flights by airport on ${engine}. Halfway, the service gets a SIGKILL.\n`);
await runDemo({ flights, directory, bars: createBars(flights, out) });
out.write('Next: examples/flights/src/tasks.ts is the whole service, docs/canvas.md shows what else a canvas can be.\n');
if (url === undefined) out.write('The same on Redis: OXBOW_URL=redis://127.0.0.1:6379 npm run demo\n');
