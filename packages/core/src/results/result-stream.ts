import { Readable } from 'node:stream';
import type { ResultKind } from './reference.ts';

/** The bytes of a result; of a value its JSON text. To destroy it ends the reading. */
export class ResultStream extends Readable {
  readonly kind: ResultKind;
  /** Bytes in all. */
  readonly size: number;
  readonly #parts: AsyncIterator<Uint8Array>;

  /** @internal */
  constructor(kind: ResultKind, size: number, parts: AsyncIterable<Uint8Array>) {
    super();
    this.kind = kind;
    this.size = size;
    this.#parts = parts[Symbol.asyncIterator]();
  }

  override _read(): void {
    this.#parts.next().then(
      ({ done, value }) => this.push(done === true ? null : value),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const ended = this.#parts.return?.() ?? Promise.resolve();
    ended.then(
      () => callback(error),
      () => callback(error),
    );
  }
}
