import { describe, expect, it } from 'vitest';
import { account, type StoreState } from './checker.ts';
import type { LedgerEntry, LedgerWord } from './ledger.ts';

/** `accepted:a start:a end:a` as entries. */
function ledger(text: string): readonly LedgerEntry[] {
  return text.split(' ').map((one, atMs) => {
    const [word, id = ''] = one.split(':');
    return { word: word as LedgerWord, id, atMs, note: '' };
  });
}

const store = (states: Readonly<Record<string, StoreState>>): ReadonlyMap<string, StoreState> => new Map(Object.entries(states));

describe('the checker', () => {
  it('finds nothing wrong where each id ran once', () => {
    const entries = ledger('accepted:a accepted:b start:a effect:a end:a start:b effect:b end:b');
    expect(account(entries, store({ a: 'finished', b: 'absent' }))).toEqual({
      accepted: 2,
      rejected: 0,
      finished: 2,
      failed: 0,
      cancelled: 0,
      waiting: 0,
      lost: [],
      unaccounted: [],
      neverStarted: [],
      strangers: [],
      duplicateStarts: 0,
      duplicateEnds: 0,
      duplicateEffects: 0,
    });
  });

  it('tells where those are that did not finish', () => {
    const entries = ledger('accepted:a accepted:b accepted:c rejected:d start:a');
    expect(account(entries, store({ a: 'failed', b: 'cancelled', c: 'waiting' }))).toMatchObject({
      accepted: 3,
      rejected: 1,
      finished: 0,
      failed: 1,
      cancelled: 1,
      waiting: 1,
      lost: [],
      unaccounted: [],
      neverStarted: ['b', 'c'],
    });
  });

  it('names who was lost: the store has forgotten them, and they never ended', () => {
    const entries = ledger('accepted:a accepted:b accepted:c start:b start:c end:c');
    expect(account(entries, store({ a: 'absent', b: 'absent', c: 'absent' }))).toMatchObject({
      finished: 1,
      lost: ['a', 'b'],
      neverStarted: ['a'],
    });
  });

  it('names who is unaccounted for: finished by the store’s word only, or not asked about', () => {
    const entries = ledger('accepted:a accepted:b accepted:c start:b');
    expect(account(entries, store({ a: 'finished', b: 'finished' }))).toMatchObject({
      finished: 0,
      lost: [],
      unaccounted: ['a', 'b', 'c'],
    });
  });

  it('counts every start, end and effect beyond the first of an id', () => {
    const entries = ledger('accepted:a accepted:b start:a start:a start:a end:a end:a effect:a effect:a start:b end:b effect:b');
    expect(account(entries, store({ a: 'finished', b: 'finished' }))).toMatchObject({
      finished: 2,
      duplicateStarts: 2,
      duplicateEnds: 1,
      duplicateEffects: 1,
    });
  });

  it('names who ran without having been accepted', () => {
    expect(account(ledger('accepted:a rejected:b start:a end:a start:b start:c'), store({ a: 'finished' }))).toMatchObject({
      strangers: ['b', 'c'],
    });
  });

  it('accounts for each accepted id exactly once', () => {
    const states: readonly (StoreState | undefined)[] = ['finished', 'failed', 'cancelled', 'waiting', 'absent', undefined];
    for (const state of states) {
      for (const ran of ['', ' start:a', ' start:a end:a', ' start:a end:a end:a']) {
        const sum = account(ledger(`accepted:a${ran}`), state === undefined ? new Map() : store({ a: state }));
        expect(sum.finished + sum.failed + sum.cancelled + sum.waiting + sum.lost.length + sum.unaccounted.length).toBe(sum.accepted);
      }
    }
  });
});
