/**
 * The data: three million flights inside the United States, January to June 2001, as the Bureau of Transportation
 * Statistics records them, from the npm package `vega-datasets`.
 */
import { fileURLToPath } from 'node:url';
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

export const ALL_FLIGHTS = 3_000_000;

/** Ranges of flights that are counted on their own. */
export const RANGES = 150;

/** Columns of consecutive rows: `delays[i]` minutes is how late the flight from `origins[i]` arrived; negative is early. */
export interface Flights {
  readonly origins: readonly string[];
  readonly delays: readonly number[];
}

/** A row group of the Parquet file: it is stored, compressed and decoded as a whole. */
interface RowGroup {
  readonly from: number;
  readonly to: number;
}

const parquetFile = fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));

export async function countRows(): Promise<number> {
  return (await parquet()).groups.at(-1)?.to ?? 0;
}

/** The flights of rows `from` to `to` (exclusive), in the order of the file, which is by date. */
export async function readFlights(from: number, to: number): Promise<Flights> {
  const origins: string[] = [];
  const delays: number[] = [];
  for (const group of (await parquet()).groups) {
    if (group.to <= from || group.from >= to) continue;
    // oxlint-disable-next-line no-await-in-loop -- decoding needs the CPU, not the disk
    const flights = await decoded(group);
    const start = Math.max(from - group.from, 0);
    const end = Math.min(to, group.to) - group.from;
    for (let row = start; row < end; row++) {
      origins.push(flights.origins[row] ?? '');
      delays.push(flights.delays[row] ?? 0);
    }
  }
  return { origins, delays };
}

async function open() {
  const file = await asyncBufferFromFile(parquetFile);
  const metadata = await parquetMetadataAsync(file);
  let from = 0;
  const groups = metadata.row_groups.map((group): RowGroup => {
    const to = from + Number(group.num_rows);
    const bounds = { from, to };
    from = to;
    return bounds;
  });
  return { file, metadata, groups };
}

let opened: ReturnType<typeof open> | undefined;

async function parquet(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}

/**
 * Ranges that are counted at the same time are neighbours, so the last two row groups are kept: a process decodes each
 * of the eleven groups once, not once a range.
 */
const cache = new Map<RowGroup, Promise<Flights>>();

async function decoded(group: RowGroup): Promise<Flights> {
  let flights = cache.get(group);
  if (flights === undefined) {
    flights = decode(group);
    cache.set(group, flights);
    const [oldest] = cache.keys();
    if (cache.size > 2 && oldest !== undefined) cache.delete(oldest);
  }
  return flights;
}

async function decode({ from, to }: RowGroup): Promise<Flights> {
  const { file, metadata } = await parquet();
  const origins: string[] = [];
  const delays: number[] = [];
  await parquetRead({
    file,
    metadata,
    compressors,
    columns: ['origin', 'delay'],
    rowStart: from,
    rowEnd: to,
    onChunk: ({ columnName, columnData }) => {
      for (const value of columnData) {
        if (columnName === 'origin') origins.push(String(value));
        else delays.push(Number(value));
      }
    },
  });
  return { origins, delays };
}
