/** What the report is made of: real work, which takes longer than a request should wait. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** How late the flights of one airport arrived on average, in minutes, and how sure that is: 95 of 100 resampled means lie between `low` and `high`. */
export const Delay = z.object({ airport: z.string(), flights: z.int().positive(), mean: z.number(), low: z.number(), high: z.number() });
export type Delay = z.infer<typeof Delay>;

export const sides = ['origin', 'destination'] as const;

/** Delays by airport: 20,000 flights of the US Bureau of Transportation Statistics, by way of `vega-datasets`. */
export async function readDelays(side: (typeof sides)[number]): Promise<ReadonlyMap<string, readonly number[]>> {
  const file = new URL('../data/flights-20k.json', import.meta.resolve('vega-datasets'));
  const flights = JSON.parse(await readFile(file, 'utf8')) as readonly { delay: number; origin: string; destination: string }[];
  const byAirport = new Map<string, number[]>();
  for (const { delay, [side]: airport } of flights) {
    const delays = byAirport.get(airport);
    if (delays === undefined) byAirport.set(airport, [delay]);
    else delays.push(delay);
  }
  return byAirport;
}

/** The mean of as many values as there are, each drawn anew from all of them. */
export function resampledMean(values: readonly number[]): number {
  let sum = 0;
  for (let drawn = 0; drawn < values.length; drawn += 1) sum += values[Math.floor(Math.random() * values.length)] ?? 0;
  return sum / values.length;
}

export function toDelay(airport: string, delays: readonly number[], resampled: readonly number[]): Delay {
  const sorted = resampled.toSorted((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  const mean = round(delays.reduce((sum, delay) => sum + delay, 0) / delays.length);
  return { airport, flights: delays.length, mean, low: at(0.025), high: at(0.975) };
}

function round(minutes: number): number {
  return Math.round(minutes * 10) / 10;
}
