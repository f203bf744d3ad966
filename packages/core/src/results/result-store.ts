import type { Readable } from 'node:stream';

/**
 * The port for result stores: what a task returned that is too large for the engine, or is bytes. `@oxbow/results` has three; another one
 * has to keep these promises, and runs the same contract suite.
 */

/** What was written. */
export interface StoredBytes {
  readonly size: number;
  /** SHA-256 of the bytes, in hexadecimal digits. */
  readonly checksum: string;
}

/** What lies in a store. */
export interface StoredEntry {
  readonly key: string;
  /** Bytes; of a write that did not end: those that are there. */
  readonly size: number;
  /** When it was written; of a write that did not end: not before its beginning. */
  readonly storedAt: Date;
}

/**
 * Keeps bytes under keys: parts of 1–200 characters of `A–Z a–z 0–9 . _ - !`, none of which begins with a dot, with `/` between them.
 * What a method rejects with becomes the cause of an OxbowError `result_store_failed`.
 */
export interface ResultStore {
  /** What metrics call it. @defaultValue 'custom' */
  readonly name?: string;
  /**
   * Writes all that `source` gives, without holding more than some parts of it in memory. Whole or not at all: until it has resolved,
   * `get` has what was there before. When `source` throws, or the store refuses, it rejects with that, and leaves nothing if it can.
   */
  put(key: string, source: AsyncIterable<Uint8Array>): Promise<StoredBytes>;
  /** Undefined: there is nothing. It is read as it is consumed; who does not consume it to its end destroys it. */
  get(key: string): Promise<Readable | undefined>;
  /** Also what is left of a write that did not end. Nothing there is no error. */
  delete(key: string): Promise<void>;
  /** What lies under the keys that begin with `prefix`, which ends in `/`: in no order, and each write that did not end too. */
  list(prefix: string): AsyncIterable<StoredEntry>;
}
