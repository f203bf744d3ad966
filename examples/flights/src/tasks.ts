/** The app, its tasks, and the canvas that they make. This is all that a service needs; the other files are there to watch it. */
import { chain, createApp, group, NonRetryableError, type Signature } from '@oxbow/core';
import { z } from 'zod';
import { readAirports } from './airports.ts';
import { drawChart } from './chart.ts';
import { countRows, RANGES, readFlights, type Flights } from './flights.ts';
import { rank, type Ranking } from './ranking.ts';

const Airports = z.array(
  z.object({
    /** IATA code of the airport that the flights left from. */
    code: z.string(),
    flights: z.int(),
    /** Arrival delays added up; early arrivals count as negative. */
    minutes: z.int(),
    /** Flights that arrived 15 minutes late or more, which is what the official statistics call late. */
    late: z.int(),
  }),
);
export type Airports = z.infer<typeof Airports>;

const Counted = z.object({ from: z.int().nonnegative(), to: z.int().positive(), airports: Airports });
export type Counted = z.infer<typeof Counted>;

/** What the run gives. */
export interface Report {
  readonly ranking: Ranking;
  /** An SVG document. */
  readonly chart: string;
}

/** The engine is chosen by OXBOW_URL. */
export const app = createApp({ name: 'flights-demo' });

const plan = app.task('flights.plan', {
  input: z.object({ flights: z.int().positive() }),
  run: async ({ flights }) => {
    const rows = await countRows();
    if (rows < flights) throw new NonRetryableError(`The file has ${rows} flights; ${flights} were asked for.`);
    return { flights };
  },
});

export const count = app.task('flights.count', {
  queue: 'ranges',
  input: z.object({ flights: z.int().positive(), range: z.int().nonnegative() }),
  output: Counted,
  retry: { attempts: 3 },
  idempotency: 'natural',
  states: ['READING', 'COUNTING'],
  run: async ({ flights, range }, ctx) => {
    const from = Math.floor((range * flights) / RANGES);
    const to = Math.floor(((range + 1) * flights) / RANGES);
    await ctx.setState('READING');
    const rows = await readFlights(from, to);
    await ctx.setState('COUNTING');
    return { from, to, airports: countByOrigin(rows) };
  },
});

const merge = app.task('flights.merge', {
  input: z.array(Counted),
  output: z.object({ airports: Airports }),
  run: (counted) => {
    const sums = new Map<string, Airports[number]>();
    for (const airport of counted.flatMap(({ airports }) => airports)) {
      const sum = sums.get(airport.code) ?? { code: airport.code, flights: 0, minutes: 0, late: 0 };
      sum.flights += airport.flights;
      sum.minutes += airport.minutes;
      sum.late += airport.late;
      sums.set(airport.code, sum);
    }
    return { airports: [...sums.values()] };
  },
});

const render = app.task('flights.render', {
  input: z.object({ airports: Airports, length: z.int().positive() }),
  run: async ({ airports, length }): Promise<Report> => {
    const ranking = rank(airports, await readAirports(), length);
    return { ranking, chart: drawChart(ranking) };
  },
});

/** `plan` gives `flights` to each range, which adds its own number; `merge` has the list of what they counted, in their order. */
export const report: Signature<{ flights: number }, Report> = chain(
  plan.s(),
  group(Array.from({ length: RANGES }, (_, range) => count.s({ range }))),
  merge.s(),
  render.s({ length: 15 }),
);

function countByOrigin({ origins, delays }: Flights): Airports {
  const airports = new Map<string, Airports[number]>();
  for (const [row, code] of origins.entries()) {
    const delay = delays[row] ?? 0;
    const airport = airports.get(code) ?? { code, flights: 0, minutes: 0, late: 0 };
    airport.flights += 1;
    airport.minutes += delay;
    if (delay >= 15) airport.late += 1;
    airports.set(code, airport);
  }
  return [...airports.values()];
}
