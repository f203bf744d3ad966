/** The app and its task, for the processes that serve and those that work. Importing it connects to nothing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createApp } from '@oxbow/core';
import { fileResults } from '@oxbow/results';
import { z } from 'zod';
import { readPlaces, toFeature } from './places.ts';

/** Uploads and results lie here, where every process sees them. `s3Results` is for machines that share no disk. */
const data = process.env['DATA'] ?? 'data';

/** Each upload has its SHA-256 as its name. */
export const uploads: string = join(data, 'uploads');

export const app = createApp({ name: 'hono-uploads', results: fileResults({ directory: join(data, 'results') }) });

/** A CSV of places becomes GeoJSON. */
export const convert = app.task('uploads.convert', {
  input: z.strictObject({ sha256: z.hash('sha256') }),
  queue: 'uploads',
  retry: { attempts: 3, backoff: { delay: '1s' } },
  // The same file, sent again, is the same job.
  idempotency: { key: ({ sha256 }) => sha256 },
  states: ['VALIDATING', 'PROCESSING', 'UPLOADING'],
  run: async ({ sha256 }, ctx) => {
    await ctx.setState('VALIDATING');
    const places = await readPlaces(await readFile(join(uploads, sha256)), ctx.signal);

    await ctx.setState('PROCESSING', { places: places.length });
    const features: string[] = [];
    for (const place of places) {
      features.push(JSON.stringify(toFeature(place)));
      await ctx.progress(features.length, places.length);
    }

    await ctx.setState('UPLOADING');
    // Bytes go to the result store, whatever their size; so may a stream. The job keeps where they are.
    return Buffer.from(`{"type":"FeatureCollection","features":[\n${features.join(',\n')}\n]}\n`);
  },
});
