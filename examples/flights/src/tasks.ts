/** The app and its one task. This is all that a service needs; the other files are there to watch it. */
import { createApp } from '@oxbow/core';
import { z } from 'zod';
import { readFlights, type Flights } from './flights.ts';

const Range = z.object({ from: z.int().nonnegative(), to: z.int().positive() });

const Counted = z.object({
  ...Range.shape,
  airports: z.array(
    z.object({
      /** IATA code of the airport that the flights left from. */
      code: z.string(),
      flights: z.int(),
      /** Arrival delays added up; early arrivals count as negative. */
      minutes: z.int(),
      /** Flights that arrived 15 minutes late or more, which is what the official statistics call late. */
      late: z.int(),
    }),
  ),
});
export type Counted = z.infer<typeof Counted>;

/** The engine is chosen by OXBOW_URL. */
export const app = createApp({ name: 'flights-demo' });

export const countFlights = app.task('flights.count', {
  input: Range,
  output: Counted,
  retry: { attempts: 3 },
  states: ['READING', 'COUNTING'],
  run: async ({ from, to }, ctx) => {
    await ctx.setState('READING');
    const flights = await readFlights(from, to);
    await ctx.setState('COUNTING');
    return { from, to, airports: countByOrigin(flights) };
  },
});

function countByOrigin({ origins, delays }: Flights): Counted['airports'] {
  const airports = new Map<string, Counted['airports'][number]>();
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
