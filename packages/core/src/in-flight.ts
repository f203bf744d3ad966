/**
 * Things that come and go with every job, a thousand at once at most; iterates from the one that came first. V8 keeps each table that a Map or
 * Set has outgrown, and all that was in it then, until the next full collection, once the Map itself is old: most jobs of a busy worker would be copied by
 * two collections each (docs/decisions/0026-collections.md).
 */
export class InFlight<T> implements Iterable<T> {
  readonly #all: T[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(one: T): void {
    this.#all.push(one);
  }

  /** Takes it out once; what is not in it is left alone. */
  delete(one: T): void {
    const at = this.#all.indexOf(one);
    if (at !== -1) this.#all.splice(at, 1);
  }

  [Symbol.iterator](): Iterator<T> {
    return [...this.#all].values();
  }
}
