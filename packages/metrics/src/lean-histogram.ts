import type { Histogram, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

interface Exemplar {
  readonly labelSet: Labels;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** One line of what prom-client writes. */
interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly exemplar?: Exemplar | undefined;
}

/** The observations under one set of labels. */
export class Series {
  readonly labels: Labels;
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[] = [];
  sum = 0;
  readonly #bounds: readonly number[];

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
    this.#bounds = bounds;
  }

  observe(value: number, exemplar?: Labels): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
    if (exemplar !== undefined) this.exemplars[at] = { labelSet: exemplar, value, timestamp: Date.now() / 1000 };
  }
}

export interface LeanHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly bounds: readonly number[];
  readonly registry: Registry;
}

/**
 * A histogram in a registry of prom-client whose observations cost what an addition does: prom-client's own makes a text of the labels each time,
 * 0.9 µs, and a job has several observations.
 */
export class LeanHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series: Series[] = [];

  constructor({ name, help, labelNames, bounds, registry }: LeanHistogramOptions) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.#bounds = bounds;
    registry.registerMetric(this as unknown as Histogram);
  }

  /** To be kept: each call makes another one. */
  series(labels: Labels): Series {
    const series = new Series(labels, this.#bounds);
    this.#series.push(series);
    return series;
  }

  /** What prom-client calls. */
  async get(): Promise<Pick<LeanHistogram, 'name' | 'help' | 'type' | 'aggregator'> & { readonly values: readonly Value[] }> {
    const { name, help, type, aggregator } = this;
    return Promise.resolve({ name, help, type, aggregator, values: this.#series.flatMap((series) => this.#values(series)) });
  }

  /** What prom-client calls. */
  reset(): void {
    for (const series of this.#series) {
      series.counts.fill(0);
      series.exemplars.length = 0;
      series.sum = 0;
    }
  }

  #values({ labels, counts, exemplars, sum }: Series): readonly Value[] {
    let count = 0;
    const buckets = counts.map((own, at): Value => {
      count += own;
      const le = this.#bounds[at] ?? '+Inf';
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: count, exemplar: exemplars[at] };
    });
    return [...buckets, { metricName: `${this.name}_sum`, labels, value: sum }, { metricName: `${this.name}_count`, labels, value: count }];
  }
}
