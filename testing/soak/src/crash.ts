import { Random } from '@oxbow/matrix/random';
import { crashCase, POINTS, type CaseResult } from './crash-case.ts';
import { NAMED } from './named-canvases.ts';
import type { EngineName } from './orders.ts';
import { Site } from './site.ts';

/** Most of a case's time is waiting for a dead worker's locks. */
const AT_A_TIME = 3;
const SAMPLE = 8;

export interface CrashOptions {
  readonly canvas: string | undefined;
  readonly point: string | undefined;
  /** Undefined: every canvas at every point. */
  readonly sample: number | undefined;
  readonly say: (line: string) => void;
}

interface Row extends CaseResult {
  readonly canvas: string;
  readonly point: string;
}

/** Every canvas at every point, or a sample. Returns how many cases were right and wrong. */
export async function crash(engine: EngineName, options: CrashOptions): Promise<{ readonly passed: number; readonly failed: number }> {
  await using site = await Site.open(engine);
  const cases = pickCases(options);
  const rows: Row[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let number = next++; number < cases.length; number = next++) {
      const [canvas = '', point = ''] = cases[number] ?? [];
      const result = await crashCase(site, canvas, point, number).catch((error: unknown): CaseResult => ({
        crashes: 0,
        nodes: 0,
        findings: [`could not be measured: ${String(error)}`],
      }));
      rows.push({ canvas, point, ...result });
      const mark = result.findings.length === 0 ? 'ok  ' : 'RED ';
      const name = `${engine} ${point} · ${canvas}`;
      options.say(`${mark} ${name}: ${result.crashes} crashes`);
      for (const finding of result.findings) options.say(`failed: crash ${name}: ${finding}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  const unreached = options.sample === undefined && options.canvas === undefined ? pointsWithout(rows) : [];
  options.say(`\n${toMarkdown(engine, rows)}\n`);
  for (const point of unreached) options.say(`failed: crash ${engine} ${point}: no worker came by`);
  const failed = rows.filter(({ findings }) => findings.length > 0).length + unreached.length;
  return { passed: rows.length - failed + unreached.length, failed };
}

function pickCases({ canvas, point, sample }: CrashOptions): readonly (readonly [canvas: string, point: string])[] {
  const canvases = canvas === undefined ? Object.keys(NAMED) : [canvas];
  const points: readonly string[] = point === undefined ? POINTS : [point];
  const all = points.flatMap((onePoint) => canvases.map((oneCanvas) => [oneCanvas, onePoint] as const));
  if (sample === undefined) return all;
  const random = new Random(sample);
  const picked = new Set<(typeof all)[number]>();
  while (picked.size < Math.min(SAMPLE, all.length)) picked.add(random.pick(all));
  return [...picked];
}

function pointsWithout(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.map(({ point }) => point))].filter((point) => rows.every((row) => row.point !== point || row.crashes === 0));
}

function toMarkdown(engine: EngineName, rows: readonly Row[]): string {
  const lines = [...new Set(rows.map(({ point }) => point))].map((point) => {
    const own = rows.filter((row) => row.point === point);
    const sum = (of: (row: Row) => number): number => own.reduce((total, row) => total + of(row), 0);
    const red = own.filter(({ findings }) => findings.length > 0).map(({ canvas }) => canvas);
    const reached = own.filter(({ crashes }) => crashes > 0).length;
    return `| ${point} | ${reached} of ${own.length} | ${sum(({ crashes }) => crashes)} | ${sum(({ nodes }) => nodes)} | ${red.join(', ') || 'none'} |`;
  });
  return [`| ${engine}: point | canvases that come by | crashes | results recomputed | wrong |`, '|---|---|---|---|---|', ...lines].join(
    '\n',
  );
}
