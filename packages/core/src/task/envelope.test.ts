import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEnvelope, encodeEnvelope, withFailure, type Envelope, type StoredFailure } from './envelope.ts';

const failure: StoredFailure = {
  error: {
    name: 'TypeError',
    message: 'x',
    code: 'E1',
    stack: 'TypeError: x',
    cause: { name: 'Error', message: 'y', code: undefined, stack: undefined, cause: undefined },
  },
  end: undefined,
  attemptsMade: 2,
  stalledCounter: 1,
};

function roundTrip(data: unknown): Envelope {
  const decoded = decodeEnvelope(JSON.parse(JSON.stringify(data)));
  if (decoded.kind !== 'envelope') throw new Error(decoded.kind);
  return decoded.envelope;
}

function decode(text: string): Envelope {
  return roundTrip(JSON.parse(text));
}

describe('an envelope', () => {
  it('brings back input, headers and expiry', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.option(fc.dictionary(fc.string({ minLength: 1 }), fc.string())),
        fc.option(fc.nat()),
        (input, headers, expires) => {
          fc.pre(headers === null || !Object.hasOwn(headers, '__proto__'));
          const text = encodeEnvelope(JSON.stringify(input), headers === null ? undefined : JSON.stringify(headers), expires ?? undefined);
          const envelope = decode(text);
          expect(JSON.stringify(envelope.input)).toBe(JSON.stringify(input));
          expect({ ...envelope.headers }).toEqual({ ...headers });
          expect(envelope.expiresAt).toBe(expires ?? undefined);
          expect(envelope.failure).toBeUndefined();
        },
      ),
    );
  });

  it('adds at most 40 bytes to the input, expiry included', () => {
    expect(encodeEnvelope('', undefined, undefined)).toHaveLength(15);
    expect(encodeEnvelope('', undefined, Date.UTC(2100, 0, 1)).length).toBeLessThanOrEqual(40);
  });

  it('has no input when the task takes none, which is not null', () => {
    expect(encodeEnvelope(undefined, undefined, undefined)).toBe('{"$ox":1}');
    expect(decode('{"$ox":1}').input).toBeUndefined();
    expect(decode('{"$ox":1,"in":null}').input).toBeNull();
  });

  it('carries the failure, and keeps the rest', () => {
    const envelope = decode(encodeEnvelope('{"n":1}', '{"a":"b"}', 5));
    expect(roundTrip(withFailure(envelope, failure))).toEqual({ ...envelope, failure });
    expect(roundTrip(withFailure(envelope, { ...failure, end: 'expired' })).failure?.end).toBe('expired');
    expect(withFailure(decode('{"$ox":1,"in":1}'), failure)).toEqual({ $ox: 1, in: 1, f: failure });
  });

  it('carries the idempotency key that its job has claimed, and has none that cannot be read', () => {
    const claim = { key: 'k_-1', fingerprint: 'f_-1' };
    const envelope = decode(encodeEnvelope('1', undefined, undefined, '{"p":1}', claim));
    expect(envelope).toMatchObject({ input: 1, canvas: { p: 1 }, claim });
    expect(roundTrip(withFailure(envelope, failure))).toEqual({ ...envelope, failure });
    for (const k of [5, '', 'k', '.f', {}, null]) expect(roundTrip({ $ox: 1, in: 1, k }).claim).toBeUndefined();
  });

  it.each([{ orderId: 1 }, [], 'text', 5, null, undefined, { ox: 1 }, { in: 1 }])(
    'is not what a plain BullMQ producer wrote: %j is the input',
    (data) => {
      expect(decodeEnvelope(data)).toEqual({
        kind: 'plain',
        envelope: { input: data, headers: {}, expiresAt: undefined, failure: undefined },
      });
    },
  );

  it.each([2, 3, 1000])('of version %d is newer', (version) => {
    expect(decodeEnvelope({ $ox: version, whatever: true })).toEqual({ kind: 'newer', version });
  });

  it.each<[string, object]>([
    ['a version of text', { $ox: '1', in: 1 }],
    ['version 0', { $ox: 0, in: 1 }],
    ['version -1', { $ox: -1, in: 1 }],
    ['version 1.5', { $ox: 1.5, in: 1 }],
    ['version null', { $ox: null, in: 1 }],
    ['headers that are no object', { $ox: 1, in: 1, h: 'a' }],
    ['a header that is no text', { $ox: 1, in: 1, h: { a: 1 } }],
    ['an expiry that is no number', { $ox: 1, in: 1, x: 'soon' }],
    ['a failure with an end that is none', { $ox: 1, in: 1, f: { ...failure, end: 'succeeded' } }],
    ['a failure that is none', { $ox: 1, in: 1, f: true }],
    ['a failure without its error', { $ox: 1, in: 1, f: { attemptsMade: 1, stalledCounter: 0 } }],
    ['a failure with a bad cause', { $ox: 1, in: 1, f: { ...failure, error: { ...failure.error, cause: 'x' } } }],
  ])('is malformed with %s', (_, data) => {
    expect(decodeEnvelope(data)).toMatchObject({ kind: 'malformed', reason: expect.stringMatching(/^[\w$.]+: ./u) });
  });

  it('never makes its reader throw', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (version, rest) => {
        const data = { $ox: version, in: rest, h: rest, x: rest, f: rest, k: rest };
        expect(['envelope', 'plain', 'malformed', 'newer']).toContain(decodeEnvelope(data).kind);
        expect(['envelope', 'plain', 'malformed', 'newer']).toContain(decodeEnvelope(rest).kind);
      }),
    );
  });
});
