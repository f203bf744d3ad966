import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from './fingerprint.ts';

const of = (input: unknown): string => fingerprintOf('task', input);

/** The same value with the keys of all its objects in reverse, and with properties that are undefined. */
function disguised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(disguised);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, disguised(one)] as const);
  return { missing: undefined, ...Object.fromEntries(entries.toReversed()) };
}

describe('a fingerprint', () => {
  it('is the same for the same JSON, in whatever order its keys are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(of(disguised(value))).toBe(of(value));
        expect(of(value)).toMatch(/^[\w-]{22}$/u);
      }),
    );
  });

  it('is another for other JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        expect(of(one) === of(other)).toBe(isDeepStrictEqual(plain(one), plain(other)));
      }),
    );
    const different = [
      undefined,
      null,
      'null',
      0,
      '0',
      false,
      [],
      {},
      [null],
      { a: 1 },
      { a: '1' },
      { a: { b: 1 } },
      { 'a:b': 1 },
      [1, 2],
      [2, 1],
    ];
    expect(new Set(different.map(of)).size).toBe(different.length);
  });

  it('is that of its task', () => {
    expect(fingerprintOf('a', 1)).not.toBe(fingerprintOf('b', 1));
  });
});

/** JSON has no negative zero. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
