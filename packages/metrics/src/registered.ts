import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
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
import { LeanHistogram } from './lean-histogram.ts';

/** The metrics of this process, by the names of their families. */
export type ProcessFamilies = Readonly<
  Record<ProcessCounter, Counter> &
    Record<ProcessGauge, Gauge> &
    Record<Exclude<ProcessHistogram, LeanName>, Histogram> &
    Record<LeanName, LeanHistogram>
>;

/** Histograms that every job comes by. */
type LeanName = 'task_duration_seconds' | 'task_queue_wait_seconds' | 'task_payload_bytes';

/** Those of the engine. */
export type ClusterFamilies = Readonly<Record<ClusterCounter, Counter> & Record<ClusterGauge, Gauge>>;

const LEAN: ReadonlySet<FamilyName> = new Set<LeanName>(['task_duration_seconds', 'task_queue_wait_seconds', 'task_payload_bytes']);

export interface Registering {
  readonly registry: Registry;
  readonly namespace: string;
  /** Instead of those of the family. */
  readonly buckets: Partial<Readonly<Record<FamilyName, readonly number[]>>>;
  /** Families that are not registered. */
  readonly without: ReadonlySet<FamilyName>;
}

/**
 * Makes the metrics of one source and registers them.
 * @param collect - called, and waited for, whenever one of them is read; many at a time.
 */
export function register(registering: Registering, source: 'process', collect: () => Promise<void> | void): ProcessFamilies;
export function register(registering: Registering, source: 'cluster', collect: () => Promise<void> | void): ClusterFamilies;
export function register(registering: Registering, source: Source, collect: () => Promise<void> | void): object {
  const { registry, namespace, buckets, without } = registering;
  const make = (name: FamilyName, family: Family): Counter | Gauge | Histogram | LeanHistogram => {
    const config = { name: `${namespace}_${name}`, help: family.help, labelNames: [...family.labels], registers: [registry], collect };
    if (family.type === 'counter') return new Counter(config);
    if (family.type === 'gauge') return new Gauge({ ...config, aggregator: source === 'cluster' ? 'max' : 'sum' });
    const bounds = [...(buckets[name] ?? family.buckets ?? [])].toSorted((a, b) => a - b);
    if (LEAN.has(name)) return new LeanHistogram({ name: config.name, help: family.help, labelNames: family.labels, bounds, registry });
    return new Histogram({ ...config, buckets: bounds });
  };
  const own = (Object.entries(FAMILIES) as [FamilyName, Family][]).filter(
    ([name, family]) => family.source === source && !without.has(name),
  );
  return Object.fromEntries(own.map(([name, family]) => [name, make(name, family)]));
}
