import { describe, expect, it } from 'vitest';
import { readShown, withState, type ShownState } from './shown.ts';

const at = 1;

describe('the history of a job', () => {
  it('is its last fifty states', () => {
    let history: readonly ShownState[] | undefined;
    for (let n = 0; n < 120; n++) history = withState(history, { state: `S${n}`, at });
    expect(history?.map(({ state }) => state)).toEqual(Array.from({ length: 50 }, (_, n) => `S${n + 70}`));
  });

  it('is fewer when they are large, and at least the last one', () => {
    let history: readonly ShownState[] | undefined;
    for (let n = 0; n < 10; n++) history = withState(history, { state: `S${n}`, at, meta: 'ü'.repeat(2500) });
    expect(history?.map(({ state }) => state)).toEqual(['S7', 'S8', 'S9']);
    history = withState(history, { state: 'LAST', at, meta: 'x'.repeat(16_300) });
    expect(history.map(({ state }) => state)).toEqual(['LAST']);
  });
});

describe('what a job shows', () => {
  it.each([0, null, '50 %', [], { state: 5, history: 'all', done: 1, at: 'now', from: 3 }])('is nothing of ours in %j', (stored) => {
    expect(readShown(stored)).toEqual({});
  });

  it('is what was stored, without what does not fit', () => {
    const shown = { state: 'B', history: [{ state: 'B', at }], done: 1, total: 2, meta: [1], at, from: { done: 0, at }, hb: { line: 1 } };
    expect(readShown({ ...shown, history: [{ state: 'A' }, null, ...shown.history], other: 1 })).toEqual(shown);
  });
});
