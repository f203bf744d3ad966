import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';

/** Milliseconds as a number, or a number with a unit: `'250ms'`, `'20s'`, `'5m'`, `'24h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(?<amount>\d+(?:\.\d+)?)(?<unit>ms|s|m|h|d)$/u;

/** Longest duration taken anywhere: 366 days. Timers and scores beyond it are mistakes of unit. */
export const MAX_DURATION_MS: number = 366 * UNIT_MS.d;

/**
 * Whole milliseconds.
 * @throws OxbowError `invalid_options`, naming `option`, when it is no duration, negative, or over 366 days.
 */
export function parseDuration(duration: Duration, option: string): number {
  const ms = typeof duration === 'number' ? duration : fromText(duration);
  if (!Number.isFinite(ms) || ms < 0 || ms > MAX_DURATION_MS) {
    throw new OxbowError(
      'invalid_options',
      `${option} must be a duration from 0 to 366 days, like 500 (ms), '250ms', '20s', '5m', '24h' or '7d'; it is ${shown(duration)}.`,
    );
  }
  return Math.round(ms);
}

function shown(given: unknown): string {
  if (typeof given === 'string') return JSON.stringify(given.slice(0, 100));
  return typeof given === 'number' ? String(given) : typeof given;
}

function fromText(text: unknown): number {
  const groups = typeof text === 'string' ? PATTERN.exec(text)?.groups : undefined;
  return groups === undefined ? Number.NaN : Number(groups['amount']) * UNIT_MS[groups['unit'] as keyof typeof UNIT_MS];
}

/** @internal A duration among options; its text is read by {@link parseDuration}. */
export const durationOption: z.ZodMiniType<Duration> = z.custom<Duration>(
  (value) => typeof value === 'number' || typeof value === 'string',
  "must be a duration like 500 (ms) or '5s'",
);
