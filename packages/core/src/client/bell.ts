/** Remembers one ring while nobody waits. */
export class Bell {
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
