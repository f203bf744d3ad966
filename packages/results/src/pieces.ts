/** The same bytes in pieces of `size`, the last of which is smaller; none when there are no bytes. */
export async function* piecesOf(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer, void, undefined> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of source) {
    for (let from = 0; from < part.byteLength;) {
      const taken = part.subarray(from, from + size - bytes);
      from += taken.byteLength;
      held.push(taken);
      bytes += taken.byteLength;
      if (bytes < size) continue;
      yield Buffer.concat(held, bytes);
      held = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}
