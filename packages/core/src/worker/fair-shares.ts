/** What one of several has to do with a number of slots. */
export interface Demand {
  /** More than 0. */
  readonly weight: number;
  /** How many it could use; Infinity: as many as there are. */
  readonly wants: number;
}

/**
 * Parts of `slots`, in whole numbers that come to all of them. Each has at least one. Then those that want more get it by weight: nobody has one
 * more while another that wants it has, with one more, less in proportion to its weight. What nobody wants is spread by weight too.
 * The order of the demands decides between equals. There must be at least as many slots as demands.
 */
export function fairShares(slots: number, demands: readonly Demand[]): readonly number[] {
  const shares = demands.map(() => 1);
  let left = slots - shares.length;
  left = handOut(left, demands, shares);
  handOut(
    left,
    demands.map(({ weight }) => ({ weight, wants: Infinity })),
    shares,
  );
  return shares;
}

/** Returns what is left when nobody wants more. */
function handOut(slots: number, demands: readonly Demand[], shares: number[]): number {
  let left = slots;
  for (; left > 0; left--) {
    let next = -1;
    let least = Infinity;
    for (const [i, { weight, wants }] of demands.entries()) {
      const share = shares[i] ?? 0;
      const load = (share + 1) / weight;
      if (share < wants && load < least) [next, least] = [i, load];
    }
    if (next === -1) return left;
    shares[next] = (shares[next] ?? 0) + 1;
  }
  return 0;
}
