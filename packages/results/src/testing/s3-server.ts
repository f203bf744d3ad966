import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import type { S3ResultsOptions } from '../s3-results.ts';

export interface S3Server {
  readonly options: S3ResultsOptions;
  stop(): Promise<void>;
}

/** A server that speaks S3, on a free port of 127.0.0.1, with one bucket. */
export async function startS3(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'oxbow-s3-'));
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: 'results' }] });
  const { port } = await server.run();
  return {
    options: {
      bucket: 'results',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      // What it lets in.
      credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    },
    stop: async () => {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
