import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';

/** So many in a time: `'10/s'`, `'100/m'`, `'1000/h'`, or said apart. */
export type Rate = `${number}/${'s' | 'm' | 'h'}` | { readonly limit: number; readonly per: Duration };

const RATE = /^(?<limit>[1-9]\d*)\/(?<unit>[smh])$/u;

/** @internal */
export const rateOption: z.ZodMiniType<Rate> = z.union([
  z.custom<`${number}/s`>(
    (value) => typeof value === 'string' && RATE.test(value),
    "must be like '10/s', '100/m' or { limit: 10, per: '1s' }",
  ),
  z.strictObject({ limit: z.int().check(z.gte(1)), per: durationOption }),
]) as z.ZodMiniType<Rate>;

/**
 * A function that resolves when the next one may go, evenly spread: true, or false when one of the signals has aborted with
 * no error of the app's own.
 * @throws OxbowError `closed`
 */
export function paced(rate: Rate, signals: readonly (AbortSignal | undefined)[]): () => Promise<boolean> {
  const everyMs = intervalMs(rate);
  const stop = AbortSignal.any(signals.filter((signal) => signal !== undefined));
  let nextAt = performance.now();
  return async () => {
    const now = performance.now();
    nextAt = Math.max(nextAt, now - everyMs);
    if (nextAt > now) await wait(nextAt - now, undefined, { signal: stop }).catch(() => undefined);
    nextAt += everyMs;
    if (OxbowError.is(stop.reason) && stop.reason.code === 'closed') throw stop.reason;
    return !stop.aborted;
  };
}

function intervalMs(rate: Rate): number {
  if (typeof rate !== 'string') return parseDuration(rate.per, 'rate.per') / rate.limit;
  const { limit, unit } = RATE.exec(rate)?.groups ?? {};
  return parseDuration(`1${unit as 's' | 'm' | 'h'}`, 'rate') / Number(limit);
}
