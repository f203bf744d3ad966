/** Lets those that pass out again one by one, and counts them. */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #isOpen = false;
  #inside = 0;
  #entered = 0;
  #most = 0;

  get inside(): number {
    return this.#inside;
  }

  get entered(): number {
    return this.#entered;
  }

  /** So many were inside at a time. */
  get most(): number {
    return this.#most;
  }

  pass(): Promise<void> {
    return this.around(() => (this.#isOpen ? Promise.resolve() : new Promise<void>((resolve) => this.#waiting.push(resolve))));
  }

  /** Counts who is inside until that is over. */
  async around(stay: () => Promise<void>): Promise<void> {
    this.#entered++;
    this.#most = Math.max(this.#most, ++this.#inside);
    await stay();
    this.#inside--;
  }

  /** Lets so many out, those that came first. */
  let(count: number): void {
    for (const leave of this.#waiting.splice(0, count)) leave();
  }

  /** For all, now and later. */
  open(): void {
    this.#isOpen = true;
    this.let(this.#waiting.length);
  }
}
