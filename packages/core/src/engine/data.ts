import type { Seen, Swapped } from './job-store.ts';

/** @param swap - replaces data that is what was seen by another JSON text. */
export async function changeData(
  swap: (seen: Seen, next: string) => Promise<Swapped>,
  seen: unknown,
  change: (stored: unknown) => unknown,
): Promise<unknown> {
  let [known, stored]: [Seen, unknown] = [{ json: JSON.stringify(seen) }, seen];
  for (;;) {
    const next = change(stored);
    if (next === undefined && 'stored' in known) return stored;
    // What the caller has seen may be old: when nothing is to change, that is found out all the same.
    const found = await swap(known, JSON.stringify(next ?? stored));
    if (found === 'swapped') return next ?? stored;
    if (found === 'unknown') return undefined;
    [known, stored] = [{ stored: found.stored }, found.data];
  }
}
