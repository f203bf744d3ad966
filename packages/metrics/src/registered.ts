import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  FAMILIES,
  type ClusterCounter,
  type ClusterGauge,
  type Family,
  type FamilyName,
  type ProcessCounter,
  type ProcessGauge,
  type ProcessHistogram,
  type Source,
} from './families.ts';

/** The metrics of this process, by the names of their families. */
export type ProcessFamilies = Readonly<Record<ProcessCounter, Counter> & Record<ProcessGauge, Gauge> & Record<ProcessHistogram, Histogram>>;

/** Those of the engine. */
export type ClusterFamilies = Readonly<Record<ClusterCounter, Counter> & Record<ClusterGauge, Gauge>>;

export interface Registering {
  readonly registry: Registry;
  readonly namespace: string;
  /** Instead of those of the family. */
  readonly buckets: Partial<Readonly<Record<FamilyName, readonly number[]>>>;
  /** Families that are not registered. */
  readonly without: ReadonlySet<FamilyName>;
  /** Histograms that take exemplars. */
  readonly exemplars: ReadonlySet<FamilyName>;
}

/**
 * Makes the metrics of one source and registers them.
 * @param collect - called, and waited for, whenever one of them is read; many at a time.
 */
export function register(registering: Registering, source: 'process', collect: () => Promise<void> | void): ProcessFamilies;
export function register(registering: Registering, source: 'cluster', collect: () => Promise<void> | void): ClusterFamilies;
export function register(registering: Registering, source: Source, collect: () => Promise<void> | void): object {
  const { registry, namespace, buckets, without, exemplars } = registering;
  const make = (name: FamilyName, family: Family): Counter | Gauge | Histogram => {
    const config = { name: `${namespace}_${name}`, help: family.help, labelNames: [...family.labels], registers: [registry], collect };
    if (family.type === 'counter') return new Counter(config);
    if (family.type === 'gauge') return new Gauge({ ...config, aggregator: source === 'cluster' ? 'max' : 'sum' });
    const bounds = [...(buckets[name] ?? family.buckets ?? [])];
    return new Histogram({ ...config, buckets: bounds, enableExemplars: exemplars.has(name) });
  };
  const own = (Object.entries(FAMILIES) as [FamilyName, Family][]).filter(
    ([name, family]) => family.source === source && !without.has(name),
  );
  return Object.fromEntries(own.map(([name, family]) => [name, make(name, family)]));
}
