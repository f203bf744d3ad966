import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3Results } from './s3-results.ts';
import { storeContract } from './store.contract.ts';
import { startS3, type S3Server } from './testing/s3-server.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.stop());

// Without abandonedWriteContract: s3rver knows neither how to list uploads that have not ended, nor how to abort them.
storeContract('an S3 bucket', () => s3Results(server.options));

describe('results in a bucket', () => {
  it('lie under a prefix, when one is given, and come with a client of one’s own', async () => {
    const { bucket, endpoint = '', region = '', credentials = { accessKeyId: '', secretAccessKey: '' } } = server.options;
    const client = new S3Client({ endpoint, region, credentials: { ...credentials }, forcePathStyle: true });
    const below = s3Results({ bucket, client, prefix: 'below/' });
    await below.put('app/q/j/1', one('x'));
    const found = [];
    for await (const { key } of below.list('app/')) found.push(key);
    expect(found).toEqual(['app/q/j/1']);
    expect(await s3Results(server.options).get('below/app/q/j/1')).toBeDefined();
    expect(await s3Results(server.options).get('app/q/j/1')).toBeUndefined();
    await below.delete('app/q/j/1');
    client.destroy();
  });

  it('say what the server says', async () => {
    const none = s3Results({ ...server.options, bucket: 'none' });
    await expect(none.put('app/q/j/1', one('x'))).rejects.toMatchObject({ name: 'NoSuchBucket' });
    await expect(none.get('app/q/j/1')).rejects.toMatchObject({ name: 'NoSuchBucket' });
    const stranger = s3Results({ ...server.options, credentials: { accessKeyId: 'WHO', secretAccessKey: 'KNOWS' } });
    await expect(stranger.put('app/q/j/1', one('x'))).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
  });

  it.each([{}, { bucket: '' }, { bucket: 'b', buket: 'c' }, { bucket: 'b', client: {} }])('refuse the options %j', (given) => {
    expect(() => s3Results(given as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });

  it('refuse a region beside a client, which has its own', () => {
    const client = { send: () => Promise.resolve(undefined) };
    expect(() => s3Results({ bucket: 'b', client, region: 'x' })).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });
});

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
