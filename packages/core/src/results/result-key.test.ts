import { describe, expect, it } from 'vitest';
import { ownerOf, resultKey, resultPrefix } from './result-key.ts';

describe('keys of stored results', () => {
  it.each([
    [{ job: { queue: 'q', id: 'abc_-1' }, root: undefined, neededUntil: 0 }, 'app/q/abc_-1/3'],
    [{ job: { queue: 'q', id: 'r-4' }, root: { queue: 'other', id: 'r' }, neededUntil: 0 }, 'app/q/r-4/3/other/r'],
    [{ job: { queue: 'q', id: 'a' }, root: undefined, neededUntil: 1_800_000_000_000 }, `app/q/a/3-${(1_800_000_000_000).toString(36)}`],
    [{ job: { queue: '..', id: 'r.-1' }, root: undefined, neededUntil: 0 }, 'app/!2e./r.-1/3'],
    [{ job: { queue: 'q', id: 'a/b:ä !' }, root: undefined, neededUntil: 0 }, 'app/q/a!2fb!3a!c3!a4!20!21/3'],
  ])('name their owner: %j', (owner, key) => {
    expect(resultKey('app', owner, 3)).toBe(key);
    expect(ownerOf(key)).toEqual(owner);
    expect(key.startsWith(resultPrefix('app'))).toBe(true);
    for (const part of key.split('/')) expect(part).toMatch(/^(?!\.)[A-Za-z0-9._!-]+$/u);
  });

  it.each(['app', 'app/q/j', 'app/q/j/x', 'app/q/j/1/q', 'app/q/j/1/q/r/s'])('are not ours: %s', (key) => {
    expect(ownerOf(key)).toBeUndefined();
  });
});
