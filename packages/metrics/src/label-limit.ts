import type { MetricsApp } from './options.ts';

/** What stands for all values beyond the limit. */
export const OTHER = 'other';

/** So many values of one label, those that come first; all others are one. Says so once. */
export class LabelLimit {
  readonly #label: string;
  readonly #limit: number;
  readonly #log: MetricsApp['log'];
  readonly #known = new Set<string>();
  #warned = false;

  constructor(label: string, limit: number, log: MetricsApp['log']) {
    this.#label = label;
    this.#limit = limit;
    this.#log = log;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size < this.#limit) {
      this.#known.add(value);
      return value;
    }
    if (!this.#warned) {
      this.#warned = true;
      this.#log.warn(
        { label: this.#label, limit: this.#limit },
        `metrics: more than ${this.#limit} values of the label "${this.#label}"; the others count as "${OTHER}"`,
      );
    }
    return OTHER;
  }
}
