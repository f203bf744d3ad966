import { readFile } from 'node:fs/promises';

export interface Airport {
  readonly code: string;
  readonly name: string;
  /** "New York, NY". */
  readonly place: string;
}

/** The airports of `vega-datasets`, by IATA code. */
export async function readAirports(): Promise<ReadonlyMap<string, Airport>> {
  const text = await readFile(new URL('../data/airports.csv', import.meta.resolve('vega-datasets')), 'utf8');
  const airports = new Map<string, Airport>();
  for (const line of text.split(/\r?\n/).slice(1)) {
    const [code = '', name = '', city = '', state = ''] = cells(line);
    if (code !== '') airports.set(code, { code, name: name.replace(/International|Int'l/, 'Intl'), place: `${city}, ${state}` });
  }
  return airports;
}

/** Cells of one CSV line; a quoted cell may hold commas and doubled quotes. */
function cells(line: string): string[] {
  return Array.from(
    line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g),
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}
