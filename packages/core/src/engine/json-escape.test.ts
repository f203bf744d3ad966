import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeJson, escapeText, repairNestedJson, unescapeJson, unescapeText, unescapingParsers } from './json-escape.ts';

const awkward = fc.constantFrom('\0', '\uE000', '\uD83D', '\uDE00', '\\', 'u0000', 'u', '0000', 'e000', 'd83d', '"', '😀', 'a');
const text = fc.oneof(
  fc.array(awkward, { maxLength: 12 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);
const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.constant(null),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(text, tie('node'), { maxKeys: 3 }),
  ),
})).node;
const REFUSED_BY_JSONB = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

const LONE = /\p{Surrogate}/u;

describe('json escape', () => {
  it('returns ordinary JSON text as the same string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (ordinary) => {
        const json = JSON.stringify({ ordinary });
        if (!json.includes('\\u')) expect(escapeJson(json)).toBe(json);
      }),
    );
  });

  it('leaves nothing that jsonb refuses', () => {
    fc.assert(
      fc.property(value, (any) => {
        const escaped = escapeJson(JSON.stringify(any));
        expect(escaped).not.toMatch(REFUSED_BY_JSONB);
        expect(escaped).not.toMatch(LONE);
        JSON.parse(escaped);
      }),
    );
  });

  it('reads back every value exactly, also after a parse and stringify by another party', () => {
    fc.assert(
      fc.property(value, (any) => {
        const json = JSON.stringify(any);
        const stored = JSON.stringify(JSON.parse(escapeJson(json)));
        expect(JSON.parse(unescapeJson(stored))).toEqual(JSON.parse(json));
      }),
    );
  });

  it('takes raw lone surrogates and upper-case escapes in JSON text it did not write', () => {
    expect(JSON.parse(unescapeJson(escapeJson('"\\uD83D x \uDE00"')))).toBe('\uD83D x \uDE00');
    expect(JSON.parse(escapeJson('"\\uD83D\\uDE00"'))).toBe('😀');
  });

  it('keeps text exact and free of what a text column refuses', () => {
    fc.assert(
      fc.property(text, (any) => {
        const escaped = escapeText(any);
        expect(escaped.includes('\0')).toBe(false);
        expect(escaped).not.toMatch(LONE);
        expect(unescapeText(escaped)).toBe(any);
      }),
    );
  });

  it('leaves private-use text of other writers alone', () => {
    expect(unescapeText('\uE000zz \uE000beef')).toBe('\uE000zz \uE000beef');
    expect(unescapeJson('"\uE000beef"')).toBe('"\uE000beef"');
  });

  it('gives JSON text nested in JSON back as JSON text', () => {
    fc.assert(
      fc.property(value, (any) => {
        const json = JSON.stringify(any);
        const row = JSON.stringify({ returnvalue: JSON.stringify(JSON.parse(escapeJson(json))) });
        const read = unescapingParsers[3802]?.(row) as { returnvalue: string };
        expect(JSON.parse(repairNestedJson(read.returnvalue))).toEqual(JSON.parse(json));
      }),
    );
  });
});
