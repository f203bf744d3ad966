import { readFileSync, writeFileSync } from 'node:fs';
import { PROBES } from './stage.ts';

/** What the probes of one process gave in one situation. */
export interface Row {
  readonly situation: string;
  readonly codes: Readonly<Record<(typeof PROBES)[number], number | undefined>>;
  readonly state: string | undefined;
  readonly failed: readonly string[];
}

const PAGE = new URL('../../../../docs/health.md', import.meta.url);
const BETWEEN = /(?<=<!-- probes -->\n)[^]*?(?=<!-- \/probes -->)/u;
const HEAD = `| the process | ${PROBES.map((name) => `\`/${name}\``).join(' | ')} | state | fails |\n|---|${'---|'.repeat(PROBES.length + 2)}\n`;

/** The table in docs/health.md. */
export function documented(): string {
  return BETWEEN.exec(readFileSync(PAGE, 'utf8'))?.[0] ?? '';
}

/** The table of what was seen; with OXBOW_WRITE_TABLES it becomes the documented one. */
export function seen(rows: readonly Row[]): string {
  const lines = rows.map(({ situation, codes, state, failed }) =>
    [situation, ...PROBES.map((name) => codes[name] ?? 'no answer'), state ?? '', failed.map((name) => `\`${name}\``).join(' ')].join(
      ' | ',
    ),
  );
  const table = `${HEAD}${lines.map((line) => `| ${line} |\n`).join('')}`;
  if (process.env['OXBOW_WRITE_TABLES'] !== undefined) writeFileSync(PAGE, readFileSync(PAGE, 'utf8').replace(BETWEEN, table));
  return table;
}
