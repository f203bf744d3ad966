import type { Airport } from './airports.ts';
import type { Counted } from './tasks.ts';

/** One airport's flights, all ranges together. */
export interface Ranked {
  readonly airport: Airport;
  readonly flights: number;
  /** Mean arrival delay of flights that left here, in minutes. */
  readonly meanDelay: number;
  /** Share of flights that arrived 15 minutes late or more. */
  readonly lateShare: number;
}

export interface Ranking {
  readonly worst: readonly Ranked[];
  readonly flights: number;
  /** Mean arrival delay of all flights, in minutes. */
  readonly meanDelay: number;
  /** Airports with fewer flights are not ranked. */
  readonly fewest: number;
}

/**
 * Checks that the results cover rows 0 to `total` without a gap or an overlap, and that each holds every row of its range.
 * @throws Error that names the first range that does not fit.
 */
export function assertExactlyOnce(results: readonly Counted[], total: number): void {
  let next = 0;
  for (const { from, to, airports } of results.toSorted((a, b) => a.from - b.from)) {
    const counted = airports.reduce((sum, airport) => sum + airport.flights, 0);
    if (from !== next)
      throw new Error(`Flights ${from < next ? `from ${from} were counted twice` : `${next} to ${from} were not counted`}.`);
    if (counted !== to - from) throw new Error(`Flights ${from} to ${to}: counted ${counted} of ${to - from}.`);
    next = to;
  }
  if (next !== total) throw new Error(`Counted ${next} flights of ${total}.`);
}

/** The `length` airports with the largest mean delay. */
export function rank(results: readonly Counted[], names: ReadonlyMap<string, Airport>, length: number): Ranking {
  const sums = new Map<string, { flights: number; minutes: number; late: number }>();
  for (const counted of results.flatMap((result) => result.airports)) {
    const sum = sums.get(counted.code) ?? { flights: 0, minutes: 0, late: 0 };
    sum.flights += counted.flights;
    sum.minutes += counted.minutes;
    sum.late += counted.late;
    sums.set(counted.code, sum);
  }
  const all = [...sums.values()];
  const flights = all.reduce((total, sum) => total + sum.flights, 0);
  const fewest = Math.ceil(flights / 1_000);
  const worst = [...sums]
    .filter(([, sum]) => sum.flights >= fewest)
    .map(([code, sum]): Ranked => ({
      airport: names.get(code) ?? { code, name: code, place: '' },
      flights: sum.flights,
      meanDelay: sum.minutes / sum.flights,
      lateShare: sum.late / sum.flights,
    }))
    .toSorted((a, b) => b.meanDelay - a.meanDelay)
    .slice(0, length);
  return { worst, flights, meanDelay: all.reduce((total, sum) => total + sum.minutes, 0) / flights, fewest };
}
