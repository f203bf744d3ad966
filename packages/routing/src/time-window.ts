import { OxbowError } from '@oxbow/core';
import { z } from 'zod';
import { nearest } from './nearest.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const satisfies readonly Day[];

export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** A time of day. It may go past midnight: then it belongs to the day on which it begins. */
export interface TimeWindow {
  /** `HH:MM`, of the wall clock in `zone`. */
  readonly from: string;
  /** `HH:MM`, not included; `24:00` is the end of the day. */
  readonly to: string;
  /** As IANA names it: `Europe/Berlin`. @defaultValue 'UTC' */
  readonly zone?: string | undefined;
  /** @defaultValue all */
  readonly days?: readonly Day[] | undefined;
}

export const timeWindow: z.ZodType<TimeWindow> = z.strictObject({
  from: z.string(),
  to: z.string(),
  zone: z.string().optional(),
  days: z.array(z.enum(DAYS)).min(1).optional(),
});

export interface CompiledWindow {
  includes(at: number): boolean;
  /** For people: `22:00–06:00 Europe/Berlin`. */
  readonly text: string;
}

const DAY_MINUTES = 24 * 60;
const MINUTE_MS = 60_000;

/** @throws OxbowError `invalid_options` */
export function compileWindow({ from, to, zone = 'UTC', days }: TimeWindow, what: string): CompiledWindow {
  const [first, end] = [minutesOf(from, `${what}.from`), minutesOf(to, `${what}.to`)];
  if (first === DAY_MINUTES) throw new OxbowError('invalid_options', `${what}.from: a window cannot begin at 24:00.`);
  if (first === end)
    throw new OxbowError('invalid_options', `${what}: from and to are the same, so it is never; a whole day is 00:00 to 24:00.`);
  const wallClock = wallClockOf(zone, what);
  const includes = (at: number): boolean => {
    const { day, minute } = wallClock(at);
    if (first < end) return minute >= first && minute < end && isOn(days, day);
    if (minute >= first) return isOn(days, day);
    return minute < end && isOn(days, (day + 6) % 7);
  };
  // Offsets of zones change on whole minutes.
  let last = { minute: Number.NaN, included: false };
  return {
    text: `${from}–${to} ${zone}${days === undefined ? '' : ` on ${days.join(', ')}`}`,
    includes: (at) => {
      const minute = Math.floor(at / MINUTE_MS);
      if (minute !== last.minute) last = { minute, included: includes(at) };
      return last.included;
    },
  };
}

/** Day of the week from Monday, and minutes since midnight. */
function wallClockOf(zone: string, what: string): (at: number) => { readonly day: number; readonly minute: number } {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', weekday: 'short', hour: '2-digit', minute: '2-digit' });
  } catch {
    throw new OxbowError('invalid_options', `${what}.zone: "${zone}" is no time zone.${nearest(zone, Intl.supportedValuesOf('timeZone'))}`);
  }
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const day = DAYS.indexOf((parts['weekday'] ?? '').toLowerCase() as Day);
    return { day, minute: Number(parts['hour']) * 60 + Number(parts['minute']) };
  };
}

function isOn(days: readonly Day[] | undefined, day: number): boolean {
  return days === undefined || days.includes(DAYS[day] ?? 'mon');
}

function minutesOf(text: string, what: string): number {
  const { hours, minutes } = /^(?<hours>[01]\d|2[0-4]):(?<minutes>[0-5]\d)$/u.exec(text)?.groups ?? {};
  const total = Number(hours) * 60 + Number(minutes);
  if (hours === undefined || total > DAY_MINUTES)
    throw new OxbowError('invalid_options', `${what}: "${text}" is no time of day: HH:MM from 00:00 to 24:00.`);
  return total;
}
