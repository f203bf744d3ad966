/** One measurement in a process of its own: `measure.js <case> <side> <url> <app> <size>` prints one line of JSON. */
import type { CanvasCase } from './canvas.ts';
import { openSide } from './open-side.ts';
import type { Side, SideName } from './sides.ts';

const [name = '', side = 'oxbow', url = '', app = 'bench', sizeText = '1000'] = process.argv.slice(2);
const size = Number(sizeText);

const withSide = async (work: (opened: Side) => Promise<Readonly<Record<string, number>>>): Promise<Readonly<Record<string, number>>> =>
  work(await openSide(side as SideName, url, app));

/** A case loads only what it needs: a side's memory is not to hold the other's packages. */
const CASES: Readonly<Record<string, () => Promise<Readonly<Record<string, number>>>>> = {
  'consume-1': () => withSide(async (opened) => (await import('./consume.ts')).consume(opened, 1, size)),
  'consume-10': () => withSide(async (opened) => (await import('./consume.ts')).consume(opened, 10, size)),
  'consume-100': () => withSide(async (opened) => (await import('./consume.ts')).consume(opened, 100, size)),
  'enqueue-burst': () => withSide(async (opened) => (await import('./enqueue.ts')).burst(opened, size)),
  'enqueue-callers': () => withSide(async (opened) => (await import('./enqueue.ts')).callers(opened, size)),
  fill: () => withSide(async (opened) => (await import('./consume.ts')).fill(opened, size)),
  footprint: () => withSide(async (opened) => (await import('./footprint.ts')).footprint(opened, url)),
  idle: async () => (await import('./idle.ts')).idle(await openSide(side as SideName, url, app, false)),
  watched: async () => (await import('./watched.ts')).watched(url, app, size),
  scrape: async () => (await import('./scrape.ts')).scrape(url, app, size),
  pool: async () => (await import('./pool.ts')).pool(url, app, size),
  latency: async () => (await import('./latency.ts')).latency(side as SideName, url, app, size),
  'embedded-first-job': async () => (await import('./embedded.ts')).firstJob(url),
  'embedded-pick-up': async () => (await import('./embedded.ts')).pickUp(url, size),
  'embedded-throughput': async () => (await import('./embedded.ts')).throughput(url, size),
};

if (name === 'worker') {
  const opened = await openSide(side as SideName, url, app);
  await opened.work(size, () => undefined);
  console.log('{}');
} else if (name === 'stating-worker') {
  await (await import('./watched.ts')).statingWorker(url, app, size);
  console.log('{}');
} else if (name.startsWith('canvas-')) {
  const { canvas } = await import('./canvas.ts');
  console.log(JSON.stringify(await canvas(name.slice('canvas-'.length) as CanvasCase, side as SideName, url, app)));
  process.exit(0);
} else {
  const measure = CASES[name];
  if (measure === undefined) throw new Error(`no case ${name}`);
  console.log(JSON.stringify(await measure()));
  process.exit(0);
}
