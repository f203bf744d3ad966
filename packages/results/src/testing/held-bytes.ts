import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of buffers that are held, and not only not collected yet: the most of all looks, over those at the beginning. */
export class HeldBytes {
  readonly #before = now();
  #most = 0;

  look(): void {
    this.#most = Math.max(this.#most, now() - this.#before);
  }

  get mostMiB(): number {
    return this.#most / 1024 / 1024;
  }
}

function now(): number {
  // What the first one frees is counted off when the second begins.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
