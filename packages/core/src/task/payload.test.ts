import { createContext, runInContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLength, DEFAULT_LIMITS, encodePayload, forbiddenKey } from './payload.ts';

const encode = (value: unknown): string => encodePayload(value, 'input', DEFAULT_LIMITS);

/** The error that `value` is refused with. */
function refusal(value: unknown): { path: string; code: string; message: string } {
  try {
    encode(value);
  } catch (error) {
    return error as { path: string; code: string; message: string };
  }
  throw new Error('it was not refused');
}

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let i = 1; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

class Point {
  x = 1;
}

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);
const key = fc.string({ unit: 'binary' }).filter((text) => !FORBIDDEN.has(text) && text !== 'toJSON');
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
})).value;

describe('payloads that JSON carries', () => {
  it('come back equal, every one', () => {
    fc.assert(
      fc.property(json, (value) => {
        const back: unknown = JSON.parse(encode(value));
        // -0 is 0 in JSON.
        expect(JSON.stringify(back)).toBe(JSON.stringify(value));
        expect(encode(back)).toBe(encode(value));
      }),
      { numRuns: 500 },
    );
  });

  it('may have undefined properties, which are left out as JSON does', () => {
    expect(encode({ a: 1, b: undefined })).toBe('{"a":1}');
  });

  it('may have no prototype', () => {
    expect(encode(Object.assign(Object.create(null), { a: [1] }))).toBe('{"a":[1]}');
  });

  it('may hold the same object twice: that is no cycle', () => {
    const shared = { n: 1 };
    expect(encode({ a: shared, b: shared })).toBe('{"a":{"n":1},"b":{"n":1}}');
  });

  it.each(['\0', '\uD800', '\u{1F600}', '\uE000', ' '])('may hold %j', (text) => {
    expect(JSON.parse(encode({ text }))).toEqual({ text });
  });
});

describe('payloads that JSON would change', () => {
  it.each<[string, unknown, RegExp]>([
    ['a Date', new Date(0), /is a Date, .* ISO string/u],
    ['NaN', Number.NaN, /is NaN, which JSON turns into null/u],
    ['Infinity', Number.POSITIVE_INFINITY, /is Infinity/u],
    ['-Infinity', Number.NEGATIVE_INFINITY, /is -Infinity/u],
    ['a Map', new Map([[1, 2]]), /is a Map/u],
    ['a Set', new Set([1]), /is a Set/u],
    ['a BigInt', 10n, /is a bigint/u],
    ['a function', () => 1, /is a function/u],
    ['a symbol', Symbol('s'), /is a symbol/u],
    ['a class instance', new Point(), /is a Point/u],
    ['a RegExp', /x/u, /is a RegExp/u],
    ['a Buffer', Buffer.from('x'), /is a Buffer/u],
    ['a typed array', new Uint8Array(1), /is a Uint8Array/u],
    ['an Error', new Error('x'), /is a Error/u],
    ['a boxed string', Object('x'), /is a String/u],
    ['a boxed number', Object(1), /is a Number/u],
    ['a promise', Promise.resolve(1), /is a Promise/u],
    ['a URL', new URL('http://x'), /is a URL/u],
    ['toJSON', { toJSON: () => 1 }, /has a toJSON method/u],
  ])('are refused with their path: %s', (_, value, message) => {
    expect(refusal({ items: [0, { at: value }] })).toMatchObject({
      code: 'serialization',
      path: 'input.items.1.at',
      message: expect.stringMatching(message),
    });
    expect(refusal([[value]])).toMatchObject({ path: 'input.0.0' });
    expect(refusal(value)).toMatchObject({ path: 'input' });
  });

  it('are refused: undefined in an array, also as a hole', () => {
    expect(refusal({ a: [1, undefined] })).toMatchObject({ path: 'input.a.1', message: expect.stringContaining('is undefined') });
    const holes: unknown[] = [];
    holes[2] = 'x';
    expect(refusal(holes)).toMatchObject({ path: 'input.0' });
  });

  it('are refused: an object of another realm, whose prototype is not ours', () => {
    expect(refusal({ a: runInContext('new Date(0)', createContext()) })).toMatchObject({ path: 'input.a' });
  });

  it.each(['__proto__', 'constructor', 'prototype'])('are refused: the key %s', (forbidden) => {
    const value: unknown = JSON.parse(`{"a":{"${forbidden}":{"isAdmin":true}}}`);
    expect(refusal(value)).toMatchObject({
      code: 'serialization',
      path: `input.a.${forbidden}`,
      message: expect.stringContaining('forbidden key'),
    });
    expect(forbiddenKey(value, DEFAULT_LIMITS)).toBe(`a.${forbidden}`);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('are refused: cycles', () => {
    const object: Record<string, unknown> = {};
    object['self'] = { object };
    expect(refusal(object)).toMatchObject({ code: 'payload_too_large', message: expect.stringContaining('refers to itself') });
    const array: unknown[] = [];
    array.push(array);
    expect(refusal(array)).toMatchObject({ code: 'payload_too_large' });
  });

  it('are refused by an error of ours, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: true }),
        (value) => {
          try {
            const text = encode(value);
            expect(JSON.stringify(JSON.parse(text))).toBe(text);
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^(?:serialization|payload_too_large)$/u) });
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('limits of a payload', () => {
  it('are 32 levels', () => {
    expect(() => encode(nested(32))).not.toThrow();
    expect(refusal(nested(33))).toMatchObject({ code: 'payload_too_large', message: expect.stringContaining('deeper than 32 levels') });
  });

  it('hold for a depth that would overflow the stack', () => {
    expect(refusal(nested(200_000))).toMatchObject({ code: 'payload_too_large' });
  });

  it('are 10,000 keys and items together', () => {
    expect(() => encode(Array.from({ length: 10_000 }, () => 0))).not.toThrow();
    expect(refusal(Array.from({ length: 10_001 }, () => 0))).toMatchObject({
      code: 'payload_too_large',
      message: expect.stringContaining('10000 keys'),
    });
    expect(() => encode({ a: Array.from({ length: 9_999 }, () => 0) })).not.toThrow();
    expect(refusal({ a: Array.from({ length: 9_999 }, () => 0), b: 1 })).toMatchObject({ code: 'payload_too_large' });
    expect(refusal(Object.fromEntries(Array.from({ length: 10_001 }, (__, i) => [`k${i}`, 0])))).toMatchObject({
      code: 'payload_too_large',
    });
  });

  it('are 256 KiB of UTF-8, not of characters', () => {
    const quotes = 2;
    expect(() => encode('x'.repeat(262_144 - quotes))).not.toThrow();
    expect(refusal('x'.repeat(262_144 - quotes + 1))).toMatchObject({
      code: 'payload_too_large',
      path: 'input',
      message: 'input has 262145 bytes of JSON; the limit is 262144.',
    });
    expect(() => encode('é'.repeat(131_071))).not.toThrow();
    expect(refusal('é'.repeat(131_072))).toMatchObject({ code: 'payload_too_large' });
    expect(refusal('€'.repeat(100_000))).toMatchObject({ code: 'payload_too_large' });
  });

  it('are exact near the limit: bytes are counted whenever three a character could reach it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.integer({ min: 0, max: 120 }), (text, limit) => {
        expect(byteLength(text, limit) > limit).toBe(Buffer.byteLength(text) > limit);
      }),
    );
  });
});

describe('data that another program wrote', () => {
  it.each([undefined, null, 1, 'text', true])('%j has no forbidden key', (value) => {
    expect(forbiddenKey(value, DEFAULT_LIMITS)).toBeUndefined();
  });

  it('may be larger than the limits of a producer', () => {
    expect(
      forbiddenKey(
        Array.from({ length: 20_000 }, () => 0),
        DEFAULT_LIMITS,
      ),
    ).toBeUndefined();
  });
});
