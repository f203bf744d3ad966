import { NonRetryableError } from '@oxbow/core';
import { CsvError, parse } from 'csv-parse';
import { z } from 'zod';

const Place = z.looseObject({ latitude: degrees(90), longitude: degrees(180) });
export type Place = z.infer<typeof Place>;

/** The lines of a CSV file that has a latitude and a longitude in each. @throws NonRetryableError that names the line */
export async function readPlaces(csv: Buffer, signal: AbortSignal): Promise<readonly Place[]> {
  const places: Place[] = [];
  try {
    for await (const record of parse(csv, { columns: true, bom: true })) {
      signal.throwIfAborted();
      const { data, error } = Place.safeParse(record);
      // The first line has the columns' names.
      if (error !== undefined) throw new NonRetryableError(`line ${places.length + 2}: ${z.prettifyError(error)}`);
      places.push(data);
    }
  } catch (error) {
    throw error instanceof CsvError ? new NonRetryableError(error.message) : error;
  }
  if (places.length === 0) throw new NonRetryableError('there is no place in the file');
  return places;
}

export function toFeature({ latitude, longitude, ...properties }: Place): object {
  return { type: 'Feature', geometry: { type: 'Point', coordinates: [longitude, latitude] }, properties };
}

function degrees(most: number): z.ZodType<number> {
  return z.string().trim().min(1).transform(Number).pipe(z.number().min(-most).max(most));
}
