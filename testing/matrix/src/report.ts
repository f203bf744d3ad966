import type { EngineName } from './orders.ts';
import type { Figures } from './row.ts';

/** A row that was run on both sides. */
export interface Result {
  readonly row: string;
  readonly fault: string;
  readonly engine: EngineName;
  readonly oxbow: Figures;
  readonly raw: Figures;
  /** Why our side does not pass; empty when it does. */
  readonly wrong: readonly string[];
}

/** A row that an engine does not have. */
export interface Absence {
  readonly row: string;
  readonly fault: string;
  readonly engine: EngineName;
  readonly reason: string;
}

/** A = accepted, F = finished, L = lost, N = never ran, D = started twice. */
export function toMarkdown(results: readonly Result[], absences: readonly Absence[] = []): string {
  const head = '| # | engine | fault | Oxbow | raw BullMQ | verdict |\n|---|---|---|---|---|---|';
  const lines = results.map(
    ({ row, engine, fault, oxbow, raw, wrong }) =>
      `| ${row} | ${engine} | ${fault} | ${describe(oxbow)} | ${describe(raw)} | ${wrong.length === 0 ? 'ok' : `**${wrong.join('; ')}**`} |`,
  );
  const none = absences.map(({ row, engine, fault, reason }) => `| ${row} | ${engine} | ${fault} | ${reason} | | – |`);
  return [head, ...lines, ...none].join('\n');
}

export function describe(figures: Figures): string {
  const { accepted, finished, lost, unaccounted, neverRan, rejected, failed, waiting } = figures;
  const words = [`A ${accepted}`, `F ${finished}`, `L ${lost}`, `D ${figures.duplicateStarts}`];
  const extra = { unaccounted, 'never ran': neverRan, rejected, failed, waiting, 'ended twice': figures.duplicateEnds };
  for (const [name, count] of Object.entries(extra)) if (count > 0) words.push(`${name} ${count}`);
  if (figures.logLinesPerSecond > 1) words.push(`log ≤ ${figures.logLinesPerSecond}/s`);
  if (figures.recoverySeconds !== undefined) words.push(`back in ${figures.recoverySeconds.toFixed(1)} s`);
  for (const [name, value] of Object.entries(figures.notes)) words.push(`${name}: ${value}`);
  return `${words.join(', ')}, ${figures.seconds.toFixed(1)} s`;
}
