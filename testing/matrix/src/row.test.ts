import { describe, expect, it } from 'vitest';
import { faultOn, verdict, type Figures, type Row } from './row.ts';
import { ROWS } from './rows.ts';

const FINE: Figures = {
  accepted: 10,
  rejected: 0,
  finished: 10,
  failed: 0,
  waiting: 0,
  lost: 0,
  unaccounted: 0,
  neverRan: 0,
  strangers: 0,
  duplicateStarts: 0,
  duplicateEnds: 0,
  seconds: 1,
  recoverySeconds: undefined,
  logLinesPerSecond: 0,
  notes: {},
};
const ROW: Row = { id: 'x', fault: 'x', engines: ['redis'], sampled: [], run: () => Promise.resolve() };

describe('the verdict of a row', () => {
  it('is nothing when all finished once', () => {
    expect(verdict(ROW, FINE, FINE)).toEqual([]);
  });

  it.each([
    [{ lost: 2 }, '2 lost'],
    [{ unaccounted: 1 }, '1 unaccounted'],
    [{ waiting: 1, failed: 2 }, '3 not finished'],
    [{ neverRan: 4 }, '4 never ran'],
    [{ duplicateStarts: 1 }, '1 duplicate starts, 0 allowed'],
  ])('names %j', (figures, what) => {
    expect(verdict(ROW, { ...FINE, ...figures }, FINE)).toEqual([what]);
  });

  it('is red when there was nothing to see', () => {
    const none = { ...FINE, accepted: 0, finished: 0 };
    expect(verdict(ROW, none, FINE)).toEqual(['nothing was accepted']);
    expect(verdict(ROW, FINE, none)).toEqual(['the rival accepted nothing: nothing is compared']);
    expect(verdict({ ...ROW, accepts: false }, none, none)).toEqual([]);
  });

  it('is not softened by a rival that loses as much', () => {
    expect(verdict(ROW, { ...FINE, lost: 1 }, { ...FINE, lost: 5 })).toEqual(['1 lost']);
  });

  it('allows the duplicates that were in flight, or that the rival has too', () => {
    const ours = { ...FINE, duplicateStarts: 5 };
    expect(verdict({ ...ROW, inFlight: 5 }, ours, FINE)).toEqual([]);
    expect(verdict(ROW, ours, { ...FINE, duplicateStarts: 5 })).toEqual([]);
    expect(verdict({ ...ROW, inFlight: 4 }, ours, FINE)).toEqual(['5 duplicate starts, 4 allowed']);
  });

  it('lets a server lose what it does not promise to keep, and no more', () => {
    const row: Row = { ...ROW, mayForget: ({ notes }) => Number(notes['unsynced']) };
    const ours = { ...FINE, lost: 3, neverRan: 3, finished: 7, notes: { unsynced: 3 } };
    expect(verdict(row, ours, FINE)).toEqual([]);
    expect(verdict(row, { ...ours, lost: 5, neverRan: 5 }, FINE)).toEqual(['2 lost', '2 never ran']);
    expect(verdict(row, { ...ours, duplicateStarts: 4 }, FINE)).toEqual(['4 duplicate starts, 3 allowed']);
    expect(verdict(ROW, ours, FINE)).toEqual(['3 lost', '3 never ran']);
  });

  it('lets jobs wait where they must, and still sees a loss', () => {
    const row: Row = { ...ROW, finishes: false };
    expect(verdict(row, { ...FINE, waiting: 10, neverRan: 10 }, FINE)).toEqual([]);
    expect(verdict(row, { ...FINE, lost: 1 }, FINE)).toEqual(['1 lost']);
  });

  it('has what the row itself says', () => {
    expect(verdict({ ...ROW, judge: () => ['too slow'] }, FINE, FINE)).toEqual(['too slow']);
  });
});

describe('the rows', () => {
  it('name their fault on each engine, and say why there is none on another', () => {
    for (const row of ROWS) {
      for (const engine of row.engines) expect(faultOn(row, engine)).not.toBe('');
      if (row.engines.length < 2) expect(`${row.id}: ${row.absent}`).not.toContain('undefined');
    }
  });

  it('have names of their own, and are sampled only where they run', () => {
    expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
    for (const { engines, sampled } of ROWS) expect(sampled.filter((engine) => !engines.includes(engine))).toEqual([]);
  });
});
