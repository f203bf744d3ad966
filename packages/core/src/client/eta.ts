import type { Shown } from '../execution/shown.ts';

/**
 * How long what is left takes, as fast as it went from the first report of the attempt to the last one: counted from that one, in ms. Undefined
 * when that cannot be known: one report says nothing, and neither do those of an earlier attempt.
 */
export function etaMs({ done, total, at, from }: Shown, startedAt: number | undefined): number | undefined {
  if (done === undefined || total === undefined || at === undefined || from === undefined || at < (startedAt ?? 0)) return undefined;
  if (done >= total) return 0;
  const [gained, tookMs] = [done - from.done, at - from.at];
  return gained > 0 && tookMs > 0 ? Math.round(((total - done) / gained) * tookMs) : undefined;
}
