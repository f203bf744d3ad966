import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ResultStore, StoredEntry } from '../results/result-store.ts';

interface Kept {
  readonly bytes: Buffer;
  readonly storedAt: Date;
}

/** A result store in this process, which a test can look into, and break. */
export class MemoryResults implements ResultStore {
  readonly kept = new Map<string, Kept>();
  readonly read: string[] = [];
  /** So many writes fail. */
  refusals = 0;
  /** What entries are said to be old. */
  ageMs = 0;

  async put(key: string, source: AsyncIterable<Uint8Array>): Promise<{ readonly size: number; readonly checksum: string }> {
    const parts: Uint8Array[] = [];
    for await (const part of source) parts.push(part);
    if (this.refusals-- > 0) throw new Error('no space left');
    const bytes = Buffer.concat(parts);
    this.kept.set(key, { bytes, storedAt: new Date() });
    return { size: bytes.byteLength, checksum: createHash('sha256').update(bytes).digest('hex') };
  }

  async get(key: string): Promise<Readable | undefined> {
    this.read.push(key);
    const bytes = this.kept.get(key)?.bytes;
    if (bytes === undefined) return undefined;
    const middle = bytes.byteLength >> 1;
    return Readable.from([bytes.subarray(0, middle), bytes.subarray(middle)]);
  }

  async delete(key: string): Promise<void> {
    this.kept.delete(key);
  }

  async *list(prefix: string): AsyncGenerator<StoredEntry, void, undefined> {
    for (const [key, { bytes, storedAt }] of [...this.kept]) {
      if (key.startsWith(prefix)) yield { key, size: bytes.byteLength, storedAt: new Date(storedAt.getTime() - this.ageMs) };
    }
  }

  keysOf(app: string): readonly string[] {
    return [...this.kept.keys()].filter((key) => key.startsWith(`${app}/`));
  }
}
