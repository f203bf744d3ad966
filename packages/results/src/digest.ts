import { createHash } from 'node:crypto';
import type { StoredBytes } from '@oxbow/core';

/** Size and checksum of what has passed. */
export class Digest {
  readonly #hash = createHash('sha256');
  #size = 0;

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#size += bytes.byteLength;
  }

  /** Once. */
  end(): StoredBytes {
    return { size: this.#size, checksum: this.#hash.digest('hex') };
  }
}
