import { Readable } from 'node:stream';
import type { ResultKind } from './reference.ts';

/** The bytes of a result; of a value its JSON text. To destroy it ends the reading. */
export interface ResultStream extends Readable {
  readonly kind: ResultKind;
  /** Bytes in all. */
  readonly size: number;
}

export function toResultStream(kind: ResultKind, size: number, parts: AsyncIterable<Uint8Array>): ResultStream {
  return Object.assign(Readable.from(parts, { objectMode: false }), { kind, size });
}
