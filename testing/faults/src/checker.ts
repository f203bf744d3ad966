import type { LedgerEntry, LedgerWord } from './ledger.ts';

/** What the store says of a job; `absent` when it does not know it (any more). */
export type StoreState = 'finished' | 'failed' | 'cancelled' | 'waiting' | 'absent';

/** Where every accepted id has gone. */
export interface Account {
  readonly accepted: number;
  readonly rejected: number;
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly waiting: number;
  /** The store does not have it, and it never ended. */
  readonly lost: readonly string[];
  /** The store calls it finished, and it never ended; or nobody asked the store. */
  readonly unaccounted: readonly string[];
  /** Accepted, and its handler was never called. */
  readonly neverStarted: readonly string[];
  /** Ran, though the producer was told that it was rejected, or told nothing. */
  readonly strangers: readonly string[];
  /** Starts, ends and effects beyond the first of each id. */
  readonly duplicateStarts: number;
  readonly duplicateEnds: number;
  readonly duplicateEffects: number;
}

/**
 * Holds the store's word for every id against an outside witness. accepted = finished + failed + cancelled + waiting +
 * lost + unaccounted, always; a store that keeps its promise has none of the last two.
 */
export function account(ledger: readonly LedgerEntry[], store: ReadonlyMap<string, StoreState>): Account {
  const seen = tally(ledger);
  const accepted = [...seen.accepted.keys()];
  const ends = seen.end;
  const fate = (id: string): Exclude<StoreState, 'absent'> | 'lost' | 'unaccounted' => {
    const state = store.get(id);
    if (state === undefined) return 'unaccounted';
    if (state === 'finished') return ends.has(id) ? 'finished' : 'unaccounted';
    // What retention has removed had ended before.
    if (state === 'absent') return ends.has(id) ? 'finished' : 'lost';
    return state;
  };
  const fates = groupBy(accepted, fate);
  const count = (name: ReturnType<typeof fate>): number => fates.get(name)?.length ?? 0;
  return {
    accepted: accepted.length,
    rejected: seen.rejected.size,
    finished: count('finished'),
    failed: count('failed'),
    cancelled: count('cancelled'),
    waiting: count('waiting'),
    lost: fates.get('lost') ?? [],
    unaccounted: fates.get('unaccounted') ?? [],
    neverStarted: accepted.filter((id) => !seen.start.has(id)),
    strangers: [...seen.start.keys()].filter((id) => !seen.accepted.has(id)),
    duplicateStarts: beyondFirst(seen.start),
    duplicateEnds: beyondFirst(ends),
    duplicateEffects: beyondFirst(seen.effect),
  };
}

function tally(ledger: readonly LedgerEntry[]): Readonly<Record<LedgerWord, ReadonlyMap<string, number>>> {
  const seen = { accepted: new Map(), rejected: new Map(), start: new Map(), end: new Map(), effect: new Map() } satisfies Record<
    LedgerWord,
    Map<string, number>
  >;
  for (const { word, id } of ledger) {
    const counts: Map<string, number> = seen[word];
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return seen;
}

function beyondFirst(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
