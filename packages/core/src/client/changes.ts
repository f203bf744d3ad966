import type { Status } from '../task/status.ts';
import { isFinal } from './status.ts';

/**
 * The status now and at every change until it is final, in order; a slow reader gets the latest one. Its `return()` ends the watch at once,
 * also while a `next()` waits for a change.
 *
 * @param watch - calls `ring` when the status may have changed, until what it resolves to is called.
 */
export function changesOf<T extends { readonly status: Status }>(
  closed: AbortSignal,
  watch: (ring: () => void) => Promise<() => void>,
  look: () => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const bell = new Bell(closed);
  const changes = follow(bell, watch, look);
  // By itself a generator's return() waits for its next().
  const end = changes.return.bind(changes);
  changes.return = async (value) => {
    bell.leave();
    return end(value);
  };
  return changes;
}

async function* follow<T extends { readonly status: Status }>(
  bell: Bell,
  watch: (ring: () => void) => Promise<() => void>,
  look: () => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const unwatch = await watch(() => bell.ring());
  try {
    let last: string | undefined;
    while (!bell.left) {
      bell.reset();
      const status = await look();
      const text = JSON.stringify(status);
      if (text !== last) yield status;
      last = text;
      if (isFinal(status.status)) return;
      await bell.rung();
    }
  } finally {
    unwatch();
  }
}

/** Remembers one ring while nobody waits. */
class Bell {
  #ring: () => void = () => undefined;
  #rung: Promise<void> = Promise.resolve();
  readonly #closed: AbortSignal;
  /** Nobody waits for it any more. */
  left = false;

  constructor(closed: AbortSignal) {
    this.#closed = closed;
  }

  reset(): void {
    this.#rung = new Promise((resolve) => (this.#ring = resolve));
  }

  ring(): void {
    this.#ring();
  }

  leave(): void {
    this.left = true;
    this.#ring();
  }

  /** @throws what the app was closed with. */
  async rung(): Promise<void> {
    this.#closed.throwIfAborted();
    const onClosed = (): void => this.#ring();
    this.#closed.addEventListener('abort', onClosed, { once: true });
    await this.#rung;
    this.#closed.removeEventListener('abort', onClosed);
    this.#closed.throwIfAborted();
  }
}
