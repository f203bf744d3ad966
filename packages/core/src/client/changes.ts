import type { Status } from '../task/status.ts';
import { isFinal } from './status.ts';

/**
 * The status now and at every change until it is final, in order; a slow reader gets the latest one.
 *
 * @param watch - calls `ring` when the status may have changed, until what it resolves to is called.
 */
export async function* changesOf<T extends { readonly status: Status }>(
  closed: AbortSignal,
  watch: (ring: () => void) => Promise<() => void>,
  look: () => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const bell = new Bell(closed);
  const unwatch = await watch(() => bell.ring());
  try {
    let last: string | undefined;
    for (;;) {
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

  constructor(closed: AbortSignal) {
    this.#closed = closed;
  }

  reset(): void {
    this.#rung = new Promise((resolve) => (this.#ring = resolve));
  }

  ring(): void {
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
