import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { ResultStore, StoredEntry } from '@oxbow/core';
import { describe, expect, it } from 'vitest';
import { HeldBytes } from './testing/held-bytes.ts';

const MIB = 1024 * 1024;
const LOOK_BYTES = 12 * MIB;

const own = (): string => `app-${randomBytes(6).toString('hex')}`;

/** What every store keeps of the port's promises. */
export function storeContract(name: string, open: () => ResultStore): void {
  describe(`a result store: ${name}`, () => {
    it('gives the bytes that were put, whatever their number and their parts', async () => {
      const store = open();
      const app = own();
      const sizes = [0, 1, 300_002, 8 * MIB, 17 * MIB + 3];
      for (const size of sizes) {
        const bytes = randomBytes(size);
        const key = `${app}/queue/job-${size}/1`;
        expect(await store.put(key, inParts(bytes, 300_001))).toEqual({ size, checksum: sha256(bytes) });
        const found = await store.get(key);
        expect(found === undefined ? undefined : sha256(await buffer(found))).toBe(sha256(bytes));
      }
      const entries = await all(store.list(`${app}/`));
      expect(new Map(entries.map(({ key, size }) => [key, size]))).toEqual(
        new Map(sizes.map((size) => [`${app}/queue/job-${size}/1`, size])),
      );
      for (const { storedAt } of entries) expect(Math.abs(Date.now() - storedAt.getTime())).toBeLessThan(120_000);
      for (const { key } of entries) await store.delete(key);
      expect(await all(store.list(`${app}/`))).toEqual([]);
    });

    it('has nothing that was not put, and deletes it without an error', async () => {
      const store = open();
      const key = `${own()}/q/j/1`;
      expect(await store.get(key)).toBeUndefined();
      await store.delete(key);
      expect(await all(store.list(`${own()}/`))).toEqual([]);
    });

    it('puts another in its place, as a whole', async () => {
      const store = open();
      const app = own();
      const key = `${app}/q/j/1`;
      await store.put(key, inParts(Buffer.from('first'), 2));
      let before: string | undefined;
      async function* second(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('sec');
        const found = await store.get(key);
        before = found === undefined ? undefined : (await buffer(found)).toString();
        yield Buffer.from('ond');
      }
      await store.put(key, second());
      expect(before).toBe('first');
      expect((await read(store, key))?.toString()).toBe('second');
      expect(await all(store.list(`${app}/`))).toHaveLength(1);
    });

    it('lists by the whole first part of the key, and takes what ids can have', async () => {
      const store = open();
      const app = own();
      const keys = [`${app}/q/a.b_c-D/1`, `${app}/q/!41!2f/12-abc/q/root`, `${app}x/q/j/1`];
      for (const key of keys) await store.put(key, inParts(Buffer.from(key), 10));
      expect((await all(store.list(`${app}/`))).map(({ key }) => key).toSorted()).toEqual(keys.slice(0, 2).toSorted());
      for (const key of keys) expect((await read(store, key))?.toString()).toBe(key);
      for (const key of keys) await store.delete(key);
    });

    it.each(['../up/1', 'a//b', '/a', 'a/..', 'a/.b', 'a/b c', `a/${'x'.repeat(201)}`, 'a/b\0', 'a\\b'])(
      'refuses the key %j',
      async (key) => {
        const store = open();
        await expect(store.put(key, inParts(Buffer.from('x'), 1))).rejects.toMatchObject({ code: 'invalid_key' });
        await expect(store.get(key)).rejects.toMatchObject({ code: 'invalid_key' });
        await expect(store.delete(key)).rejects.toMatchObject({ code: 'invalid_key' });
      },
    );

    it.each([1, 9 * MIB])('leaves nothing when the stream fails after %d bytes', async (size) => {
      const store = open();
      const app = own();
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield randomBytes(size);
        throw new Error('dried up');
      }
      await expect(store.put(`${app}/q/j/1`, failing())).rejects.toThrow('dried up');
      expect(await store.get(`${app}/q/j/1`)).toBeUndefined();
      expect(await all(store.list(`${app}/`))).toEqual([]);
    });

    it('takes many at once, among them deletes of their neighbours', async () => {
      const store = open();
      const app = own();
      const keyOf = (at: number): string => `${app}/q/${at}/1`;
      await Promise.all(
        Array.from({ length: 30 }, async (_, at) => {
          await store.put(keyOf(at), inParts(Buffer.from(String(at)), 1));
          if (at % 2 === 0) await store.delete(keyOf(at));
        }),
      );
      const left = (await all(store.list(`${app}/`))).map(({ key }) => key).toSorted();
      expect(left).toEqual(
        Array.from({ length: 30 }, (_, at) => at)
          .filter((at) => at % 2 === 1)
          .map(keyOf)
          .toSorted(),
      );
    });

    it('gives a stream that can be dropped unread, or half read', async () => {
      const store = open();
      const key = `${own()}/q/j/1`;
      await store.put(key, inParts(randomBytes(3 * MIB), MIB));
      for (let tries = 0; tries < 5; tries += 1) {
        (await store.get(key))?.destroy();
        for await (const part of (await store.get(key)) ?? []) if ((part as Buffer).byteLength > 0) break;
      }
      expect((await read(store, key))?.byteLength).toBe(3 * MIB);
      await store.delete(key);
    });

    it('holds no more than some parts in memory', async () => {
      const store = open();
      const key = `${own()}/q/j/1`;
      const part = randomBytes(MIB);
      const held = new HeldBytes();
      async function* parts(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < 50; at += 1) {
          yield part;
          if (at % 10 === 5) held.look();
        }
      }
      await store.put(key, parts());
      let seen = 0;
      for await (const bytes of (await store.get(key)) ?? []) {
        const before = seen;
        seen += (bytes as Buffer).byteLength;
        if (Math.floor(before / LOOK_BYTES) < Math.floor(seen / LOOK_BYTES)) held.look();
      }
      expect(seen).toBe(50 * MIB);
      process.stdout.write(`${name}: 50 MiB in and out, at most ${held.mostMiB.toFixed(1)} MiB of buffers held\n`);
      expect(held.mostMiB).toBeLessThan(28);
      await store.delete(key);
    });
  });
}

async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += size) yield bytes.subarray(from, from + size);
}

/** Of writes that do not end. @param abandon - leaves one, as a process that dies does. */
export function abandonedWriteContract(name: string, open: () => ResultStore, abandon: (key: string) => Promise<void>): void {
  describe(`a result store: ${name}`, () => {
    it('lists what a write left that did not end, and deletes it', async () => {
      const store = open();
      const app = own();
      const key = `${app}/q/j/1`;
      await abandon(key);
      expect(await store.get(key)).toBeUndefined();
      expect(await all(store.list(`${app}/`))).toMatchObject([{ key }]);
      await store.delete(key);
      expect(await all(store.list(`${app}/`))).toEqual([]);
    });
  });
}

async function read(store: ResultStore, key: string): Promise<Buffer | undefined> {
  const found = await store.get(key);
  return found === undefined ? undefined : buffer(found);
}

async function all(entries: AsyncIterable<StoredEntry>): Promise<readonly StoredEntry[]> {
  const found: StoredEntry[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
