import { Readable } from 'node:stream';
import { SerializationError } from '../errors.ts';

/** What a task returns as bytes: a Buffer, or a stream of them. */
export type Bytes = Uint8Array | AsyncIterable<Uint8Array>;

/** What a result is to who asks for it: bytes come as a Buffer, whatever the task returned them as. */
export type AsResult<T> = T extends Uint8Array | AsyncIterable<Uint8Array> ? Buffer : T;

export function isBytes(value: unknown): value is Bytes {
  return value instanceof Uint8Array || (typeof value === 'object' && value !== null && Symbol.asyncIterator in value);
}

/** Nobody reads it, or reads on. */
export function discard(bytes: Bytes): void {
  if (bytes instanceof Uint8Array) return;
  if (bytes instanceof Readable) bytes.destroy();
  // The global: Node loads its half a megabyte when it is first named.
  else if (bytes instanceof ReadableStream && !bytes.locked) bytes.cancel().catch(() => undefined);
}

/**
 * The parts of it; none that is empty.
 * @throws what the stream fails with; SerializationError for a part that is none of bytes; the reason of `signal` as soon as it aborts
 */
export async function* partsOf(bytes: Bytes, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const source = (bytes instanceof Uint8Array ? Readable.from([bytes]) : bytes)[Symbol.asyncIterator]();
  let abort: (reason: unknown) => void = () => undefined;
  const onAbort = (): void => abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value: part } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        abort = reject;
        source.next().then(resolve, reject);
      });
      if (done === true) return;
      if (!(part instanceof Uint8Array))
        throw new SerializationError('result', `is a stream that gave a ${typeof part}: it must give bytes.`);
      if (part.byteLength > 0) yield part;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    discard(bytes);
    // One that hangs would never end.
    source.return?.()?.then(undefined, () => undefined);
  }
}
