/** " Did you mean …?", or what there is: the end of a message about a name that nobody knows. */
export function nearest(name: string, known: readonly string[]): string {
  const best = known
    .map((one) => ({ one, edits: distance(name.toLowerCase(), one.toLowerCase()) }))
    .toSorted((a, b) => a.edits - b.edits)[0];
  if (best !== undefined && best.edits <= Math.max(2, Math.ceil(name.length / 3))) return ` Did you mean "${best.one}"?`;
  return known.length === 0 ? '' : ` Known: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ', …' : ''}.`;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let k = 1; k <= b.length; k++)
      next.push(Math.min((row[k] ?? 0) + 1, (next[k - 1] ?? 0) + 1, (row[k - 1] ?? 0) + (a[i - 1] === b[k - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
