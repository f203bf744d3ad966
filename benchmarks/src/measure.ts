/** One measurement in a process of its own: `measure.js <case> <side> <url> <app> <size>` prints one line of JSON. */
import { canvas, type CanvasCase } from './canvas.ts';
import { consume, fill } from './consume.ts';
import { firstJob, pickUp, throughput } from './embedded.ts';
import { burst, callers } from './enqueue.ts';
import { footprint } from './footprint.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { pool } from './pool.ts';
import { scrape } from './scrape.ts';
import { statingWorker, watched } from './watched.ts';
import { openSide, type Side, type SideName } from './sides.ts';

const [name = '', side = 'oxbow', url = '', app = 'bench', sizeText = '1000'] = process.argv.slice(2);
const size = Number(sizeText);

const withSide = async (work: (opened: Side) => Promise<Readonly<Record<string, number>>>): Promise<Readonly<Record<string, number>>> =>
  work(await openSide(side as SideName, url, app));

const CASES: Readonly<Record<string, () => Promise<Readonly<Record<string, number>>>>> = {
  'consume-1': () => withSide((opened) => consume(opened, 1, size)),
  'consume-10': () => withSide((opened) => consume(opened, 10, size)),
  'consume-100': () => withSide((opened) => consume(opened, 100, size)),
  'enqueue-burst': () => withSide((opened) => burst(opened, size)),
  'enqueue-callers': () => withSide((opened) => callers(opened, size)),
  fill: () => withSide((opened) => fill(opened, size)),
  footprint: () => withSide((opened) => footprint(opened, url)),
  idle: () => withSide(idle),
  watched: () => watched(url, app, size),
  scrape: () => scrape(url, app, size),
  pool: () => pool(url, app, size),
  latency: () => latency(side as SideName, url, app, size),
  'embedded-first-job': () => firstJob(url),
  'embedded-pick-up': () => pickUp(url, size),
  'embedded-throughput': () => throughput(url, size),
};

if (name === 'worker') {
  const opened = await openSide(side as SideName, url, app);
  await opened.work(size, () => undefined);
  console.log('{}');
} else if (name === 'stating-worker') {
  await statingWorker(url, app, size);
  console.log('{}');
} else if (name.startsWith('canvas-')) {
  console.log(JSON.stringify(await canvas(name.slice('canvas-'.length) as CanvasCase, side as SideName, url, app)));
  process.exit(0);
} else {
  const measure = CASES[name];
  if (measure === undefined) throw new Error(`no case ${name}`);
  console.log(JSON.stringify(await measure()));
  process.exit(0);
}
