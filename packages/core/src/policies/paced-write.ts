/**
 * Writes of what changes faster than it need be written: the first at once, then at most one in `everyMs`, of what it is by then. None
 * begins while one is under way.
 */
export class PacedWrite {
  readonly #everyMs: number;
  readonly #write: () => Promise<void>;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #isDue = false;
  #writing: Promise<void> | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(everyMs: number, write: () => Promise<void>) {
    this.#everyMs = everyMs;
    this.#write = write;
  }

  /** Also while it is being written. */
  get hasUnwritten(): boolean {
    return this.#isDue || this.#writing !== undefined;
  }

  /** It has changed. Waits only for a write that begins now, and rejects when that fails: then the next one tries again. */
  async offer(): Promise<void> {
    this.#isDue = true;
    if (this.#later !== undefined || this.#writing !== undefined) return;
    const dueMs = this.#dueMs();
    if (dueMs <= 0) await this.#begin();
    else this.#wait(dueMs);
  }

  /** Writes now what is not written. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#stopWaiting();
    if (this.#isDue) await this.#begin();
  }

  /** It was written with something else. */
  written(): void {
    this.stop();
    this.#wroteAt = performance.now();
  }

  /** What is not written is given up. */
  stop(): void {
    this.#stopWaiting();
    this.#isDue = false;
  }

  #dueMs(): number {
    return this.#wroteAt + this.#everyMs - performance.now();
  }

  #begin(): Promise<void> {
    this.#isDue = false;
    this.#wroteAt = performance.now();
    const writing = this.#write();
    this.#writing = writing.then(
      () => {
        this.#writing = undefined;
        if (this.#isDue) this.#wait(Math.max(0, this.#dueMs()));
      },
      () => {
        this.#writing = undefined;
        this.#isDue = true;
      },
    );
    return writing;
  }

  #wait(ms: number): void {
    this.#later = setTimeout(() => {
      this.#later = undefined;
      this.#begin().catch(() => undefined);
    }, ms).unref();
  }

  #stopWaiting(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
  }
}
