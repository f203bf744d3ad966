import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chain, createApp } from '@oxbow/core';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileResults } from './file-results.ts';
import { HeldBytes } from './testing/held-bytes.ts';
import { deleteRedisKeys, keysOf, redisUrl } from './testing/redis.ts';

const MIB = 1024 * 1024;
const SIZE = 50 * MIB;
const LOOK_BYTES = 12 * MIB;

describe.skipIf(redisUrl === '')('a result of 50 MiB on redis', () => {
  it('takes little memory there, in all keys of the app together, and little in the process', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'oxbow-results-'));
    const name = `large-${randomBytes(6).toString('hex')}`;
    const app = createApp({ name, url: redisUrl, results: fileResults({ directory }), logLevel: 'error' });
    const client = new Redis(redisUrl);
    onTestFinished(async () => {
      await app.close();
      client.disconnect();
      await deleteRedisKeys(name);
      await rm(directory, { recursive: true, force: true });
    });
    const part = randomBytes(MIB);
    const held = new HeldBytes();
    const bytes = app.task('bytes', {
      queue: 'q',
      run: async function* (): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < 50; at += 1) {
          yield part;
          if (at % 10 === 5) held.look();
        }
      },
    });
    const text = app.task('text', { queue: 'q', run: (length: number) => ({ text: 'x'.repeat(length) }) });
    const length = app.task('length', { queue: 'q', run: ({ text: given }: { text: string }) => given.length });
    await app.worker({ queues: { q: 1 } }).start();

    const handle = await bytes.enqueue();
    const hash = createHash('sha256');
    let seen = 0;
    for await (const given of await handle.resultStream()) {
      hash.update(given as Buffer);
      const before = seen;
      seen += (given as Buffer).byteLength;
      if (Math.floor(before / LOOK_BYTES) < Math.floor(seen / LOOK_BYTES)) held.look();
    }
    expect(seen).toBe(SIZE);
    const expected = createHash('sha256');
    for (let at = 0; at < 50; at += 1) expected.update(part);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
    expect(await (await chain(text.si(8 * MIB), length.s()).enqueue()).result()).toBe(8 * MIB);

    const usage = await Promise.all(
      (await keysOf(client, name)).map(async (key) => [key, await client.memory('USAGE', key, 'SAMPLES', 0)] as const),
    );
    const total = usage.reduce((sum, [, size]) => sum + (size ?? 0), 0);
    const largest = usage.toSorted(([, a], [, b]) => (b ?? 0) - (a ?? 0))[0];
    process.stdout.write(
      `redis: a job with a result of 50 MiB, and a chain that hands on one of 8 MiB: ${total} bytes in ${usage.length} keys (the largest: ${largest?.[1]}); ` +
        `streamed with at most ${held.mostMiB.toFixed(1)} MiB of buffers held\n`,
    );
    expect(total).toBeLessThan(64 * 1024);
    expect(held.mostMiB).toBeLessThan(8);
  });
});
