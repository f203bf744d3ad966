import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { OxbowError } from '../errors.ts';
import { partsOf, type Bytes } from './bytes.ts';
import { isReference, readReference, toReference, type Reference, type ResultKind } from './reference.ts';
import { resultPrefix } from './result-key.ts';
import { toResultStream, type ResultStream } from './result-stream.ts';
import type { ResultStore } from './result-store.ts';
import type { SignalBus } from '../signals.ts';

/** Results that are read at once when a join gathers them. */
const AT_ONCE = 8;

/** Writes results into the app's store, and reads them where a reference stands for them. */
export class StoredResults {
  /** Undefined: the app has none. */
  readonly store: ResultStore | undefined;
  readonly #prefix: string;
  readonly #signals: SignalBus;

  constructor(app: string, store: ResultStore | undefined, signals: SignalBus) {
    this.store = store;
    this.#signals = signals;
    this.#prefix = resultPrefix(app);
  }

  /**
   * Writes it as a whole, and gives what is to stand for it.
   * @throws what the stream fails with; the reason of `signal`; OxbowError `result_store_required`, `result_store_failed`
   */
  async put(key: string, kind: ResultKind, bytes: Bytes, signal: AbortSignal): Promise<Reference> {
    const store = this.#required('A result of bytes');
    let thrown: { readonly error: unknown } | undefined;
    async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield* partsOf(bytes, signal);
      } catch (error) {
        thrown = { error };
        throw error;
      }
    }
    try {
      return toReference(key, kind, await this.#told('put', () => store.put(key, source())));
    } catch (error) {
      if (thrown !== undefined) throw thrown.error;
      throw storeFailed(`could not write ${key}`, error);
    }
  }

  /**
   * The result itself, for what a job's return value says. Only a reference costs a call.
   * @throws OxbowError `result_gone`, `result_corrupt`, `result_store_failed`, `result_store_required`
   */
  resolve(value: unknown): unknown {
    return isReference(value) ? this.#read(value) : value;
  }

  /** The same for many, in order. */
  async resolveAll(values: readonly unknown[]): Promise<readonly unknown[]> {
    const resolved = [...values];
    const stored = values.flatMap((value, at) => (isReference(value) ? [at] : []));
    const read = async (): Promise<void> => {
      for (let at = stored.pop(); at !== undefined; at = stored.pop()) resolved[at] = await this.resolve(values[at]);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, stored.length) }, read));
    return resolved;
  }

  /** The result as its bytes; errors in the middle of it destroy the stream. @throws as `resolve` */
  async stream(value: unknown): Promise<ResultStream> {
    const reference = readReference(value);
    if (reference !== undefined) {
      const found = await this.#open(reference);
      const stream = toResultStream(reference.kind, reference.size, verified(reference, found));
      return stream.once('close', () => found.destroy());
    }
    const text = Buffer.from(JSON.stringify(value ?? null));
    return toResultStream('json', text.byteLength, partsOf(text, new AbortController().signal));
  }

  /** Of a job that is no more: what is not deleted now is the janitor’s. @throws OxbowError `result_store_failed` */
  async delete(value: unknown): Promise<void> {
    const key = isReference(value) ? readReference(value)?.key : undefined;
    const { store } = this;
    if (store === undefined || key === undefined || !key.startsWith(this.#prefix)) return;
    try {
      await this.#told('delete', () => store.delete(key));
    } catch (error) {
      throw storeFailed(`could not delete ${key}`, error);
    }
  }

  async #told<T>(operation: 'put' | 'get' | 'delete', call: () => Promise<T>): Promise<T> {
    const signals = this.#signals;
    if (!signals.wants('results:called')) return call();
    const startedAt = performance.now();
    const tell = (error: Error | undefined): void =>
      signals.emit('results:called', { store: this.store?.name ?? 'custom', operation, durationMs: performance.now() - startedAt, error });
    try {
      const value = await call();
      tell(undefined);
      return value;
    } catch (error) {
      tell(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  async #read(value: unknown): Promise<unknown> {
    const reference = readReference(value) as Reference;
    const parts: Uint8Array[] = [];
    for await (const part of verified(reference, await this.#open(reference))) parts.push(part);
    const bytes = Buffer.concat(parts);
    return reference.kind === 'bytes' ? bytes : (JSON.parse(bytes.toString()) as unknown);
  }

  async #open(reference: Reference): Promise<Readable> {
    const { key } = reference;
    const store = this.#required('The result');
    if (!key.startsWith(this.#prefix)) throw new OxbowError('malformed', `The stored result ${key} is another app’s.`);
    let found: Readable | undefined;
    try {
      found = await this.#told('get', () => store.get(key));
    } catch (error) {
      throw storeFailed(`could not read ${key}`, error);
    }
    if (found === undefined)
      throw new OxbowError('result_gone', `The result is no more in the result store: ${key} has expired, or was deleted.`);
    return found;
  }

  #required(what: string): ResultStore {
    if (this.store !== undefined) return this.store;
    throw new OxbowError(
      'result_store_required',
      `${what} lies in a result store, and this app has none: give createApp one as \`results\`.`,
    );
  }
}

async function* verified({ key, size, sha256 }: Reference, found: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  const reading: AsyncIterator<Uint8Array> = found[Symbol.asyncIterator]();
  let seen = 0;
  try {
    for (;;) {
      const part = await nextOf(reading, key);
      if (part === undefined) break;
      seen += part.byteLength;
      // The last part is not given before the whole is known to be right.
      if (seen > size) break;
      hash.update(part);
      if (seen === size && hash.copy().digest('hex') !== sha256) break;
      yield part;
    }
  } finally {
    found.destroy();
  }
  if (seen !== size) throw new OxbowError('result_corrupt', `The stored result ${key} has not the ${size} bytes that were written.`);
  if (hash.digest('hex') !== sha256)
    throw new OxbowError('result_corrupt', `The stored result ${key} has another checksum than what was written.`);
}

async function nextOf(reading: AsyncIterator<Uint8Array>, key: string): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await reading.next();
    return done === true ? undefined : value;
  } catch (error) {
    throw storeFailed(`could not read ${key}`, error);
  }
}

function storeFailed(what: string, cause: unknown): OxbowError {
  return new OxbowError('result_store_failed', `The result store ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}
