import type { Airport } from './airports.ts';
import type { Airports, Counted } from './tasks.ts';

/** One airport's flights. */
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
export function rank(airports: Airports, names: ReadonlyMap<string, Airport>, length: number): Ranking {
  const flights = airports.reduce((total, airport) => total + airport.flights, 0);
  const fewest = Math.ceil(flights / 1_000);
  const worst = airports
    .filter((sum) => sum.flights >= fewest)
    .map(({ code, ...sum }): Ranked => ({
      airport: names.get(code) ?? { code, name: code, place: '' },
      flights: sum.flights,
      meanDelay: sum.minutes / sum.flights,
      lateShare: sum.late / sum.flights,
    }))
    .toSorted((a, b) => b.meanDelay - a.meanDelay)
    .slice(0, length);
  return { worst, flights, meanDelay: airports.reduce((total, { minutes }) => total + minutes, 0) / flights, fewest };
}
