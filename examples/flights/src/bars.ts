/** Progress in a terminal: bars that are drawn over on a TTY, a plain line every ten percent elsewhere. */
import type { WriteStream } from 'node:tty';

/** Where the ranges are, as the engine has it. */
export interface Counts {
  readonly ranges: number;
  readonly waiting: number;
  readonly started: number;
  readonly succeeded: number;
  /** Started ranges by the state that the task has set. */
  readonly states: Readonly<Record<string, number>>;
}

export interface Bars {
  update(counts: Counts): void;
  /** A line that stays, above the bars. */
  note(text: string): void;
}

export function createBars(flights: number, out: WriteStream): Bars {
  return out.isTTY && out.columns >= NARROWEST ? createDrawnBars(flights, out) : createPlainLines(flights, out);
}

/** Wraps text in an SGR code where the stream takes colours; NO_COLOR is heard. */
export function paint(out: WriteStream, code: number, text: string): string {
  return out.isTTY && out.hasColors() ? `\u001B[${code}m${text}\u001B[0m` : text;
}

/** Columns that the bars need. A line that wraps could not be drawn over. */
const NARROWEST = 60;

const GREEN = 32;
const YELLOW = 33;
const BLUE = 34;
const DIM = 2;

function createDrawnBars(flights: number, out: WriteStream): Bars {
  let frame: readonly string[] = [];
  const erase = (): string => (frame.length === 0 ? '' : `\u001B[${frame.length}A\u001B[0J`);
  const bar = (label: string, share: number, colour: number, figures: string): string => {
    const width = Math.max(8, Math.min(40, out.columns - 42));
    const full = Math.round(Math.min(1, share) * width);
    const line = paint(out, colour, '━'.repeat(full)) + paint(out, DIM, '─'.repeat(width - full));
    return `  ${label.padEnd(10)} ${line}  ${figures}`;
  };
  return {
    update: (counts) => {
      const erased = erase();
      const states = Object.entries(counts.states).map(([state, started]) => `${started} ${state}`);
      frame = [
        bar('flights', counts.succeeded / counts.ranges, GREEN, progress(counts, flights)),
        bar('waiting', counts.waiting / counts.ranges, DIM, String(counts.waiting)),
        bar('started', counts.started / counts.ranges, YELLOW, [counts.started, ...states].join('  ')),
        bar('succeeded', counts.succeeded / counts.ranges, BLUE, `${counts.succeeded} of ${counts.ranges}`),
      ];
      out.write(`${erased}${frame.join('\n')}\n`);
    },
    note: (text) => {
      const erased = erase();
      out.write(`${erased}${[text, ...frame].join('\n')}\n`);
    },
  };
}

function createPlainLines(flights: number, out: WriteStream): Bars {
  let tenth = -1;
  return {
    update: (counts) => {
      const now = Math.floor((10 * counts.succeeded) / counts.ranges);
      if (now <= tenth) return;
      tenth = now;
      const { waiting, started, succeeded } = counts;
      out.write(`  ${progress(counts, flights)} flights; ranges: ${waiting} waiting, ${started} started, ${succeeded} succeeded\n`);
    },
    note: (text) => {
      out.write(`${text}\n`);
    },
  };
}

function progress({ succeeded, ranges }: Counts, flights: number): string {
  return `${Math.round((flights * succeeded) / ranges).toLocaleString('en-US')} of ${flights.toLocaleString('en-US')}`;
}
