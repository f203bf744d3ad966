import { createContext, runInContext } from 'node:vm';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { NonRetryableError } from '../errors.ts';
import { decodeEnvelope, withFailure } from '../task/envelope.ts';
import { fromFailureRecord, toError, toFailureRecord } from './failure.ts';

/** What is read back from a job whose data had the failure. */
function stored(error: Error): Error {
  const data: unknown = JSON.parse(
    JSON.stringify(
      withFailure(
        { input: 1, headers: {}, expiresAt: undefined, failure: undefined, canvas: undefined },
        { error: toFailureRecord(error), end: undefined, attemptsMade: 1, stalledCounter: 0 },
      ),
    ),
  );
  const decoded = decodeEnvelope(data);
  if (decoded.kind !== 'envelope' || decoded.envelope.failure === undefined) throw new Error(JSON.stringify(decoded));
  return fromFailureRecord(decoded.envelope.failure.error);
}

describe('what a handler throws', () => {
  it('is itself when it is an error, of another realm too', () => {
    const error = new TypeError('x');
    expect(toError(error)).toBe(error);
    const foreign: unknown = runInContext('new RangeError("far")', createContext());
    expect(toError(foreign)).toBe(foreign);
  });

  it('is copied when it is frozen: loggers write on errors', () => {
    const frozen = Object.freeze(Object.assign(new RangeError('frozen', { cause: 'why' }), { code: 'E_FROZEN' }));
    const error = toError(frozen);
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ name: 'RangeError', message: 'frozen', cause: 'why', code: 'E_FROZEN', stack: frozen.stack });
    expect(() => pino({}, { write: () => undefined }).error({ err: error })).not.toThrow();
  });

  it.each([
    ['text', 'text'],
    [null, 'The handler threw null, which is no Error.'],
    [undefined, 'The handler threw a value of type undefined, which is no Error.'],
    [5, 'The handler threw a value of type number, which is no Error.'],
    [{ secret: 'x' }, 'The handler threw a value of type object, which is no Error.'],
  ])('becomes one when it is %j, and is not shown', (thrown, message) => {
    expect(toError(thrown)).toMatchObject({ name: 'NonError', message });
  });
});

describe('a failure record', () => {
  it('brings back name, message, stack, code and causes', () => {
    const root = Object.assign(new RangeError('root'), { code: 'ERR_ROOT' });
    const error = new NonRetryableError('top', { cause: root });
    const back = stored(error);
    expect(back).toMatchObject({ name: 'NonRetryableError', message: 'top', code: 'non_retryable' });
    expect(back.stack).toBe(error.stack);
    expect(back.cause).toMatchObject({ name: 'RangeError', message: 'root', code: 'ERR_ROOT' });
    expect(back).toBeInstanceOf(Error);
  });

  it('keeps five causes, so that a cycle ends', () => {
    const error = new Error('cycle');
    error.cause = error;
    let depth = 0;
    for (let at: unknown = stored(error); at instanceof Error; at = at.cause) depth++;
    expect(depth).toBe(6);
  });

  it('leaves out causes that are no errors', () => {
    expect(stored(new Error('x', { cause: 'text' })).cause).toBeUndefined();
  });

  it('is cut: message 4 KiB, stack 8 KiB, name and code 256', () => {
    const error = Object.assign(new Error('m'.repeat(10_000)), {
      name: 'N'.repeat(1000),
      code: 'c'.repeat(1000),
      stack: 's'.repeat(100_000),
    });
    const record = toFailureRecord(error);
    expect([record.message.length, record.stack?.length, record.name.length, record.code?.length]).toEqual([4096, 8192, 256, 256]);
  });

  it('stays small however deep the causes are', () => {
    let error = new Error('x'.repeat(10_000));
    for (let i = 0; i < 50; i++) error = new Error('x'.repeat(10_000), { cause: error });
    expect(JSON.stringify(toFailureRecord(error)).length).toBeLessThan(80_000);
  });

  it('has a number as code as text, and no other code', () => {
    expect(toFailureRecord(Object.assign(new Error('x'), { code: 23_505 })).code).toBe('23505');
    expect(toFailureRecord(Object.assign(new Error('x'), { code: { a: 1 } })).code).toBeUndefined();
  });

  it.each([
    ['a message', { message: { a: 1 } }, { message: 'a value of type object' }],
    ['no message', { message: undefined }, { message: 'a value of type undefined' }],
    ['a name', { name: 5 }, { name: 'Error' }],
    ['a stack', { stack: ['a'] }, { message: 'x' }],
  ])('can be made and read of an error with %s of another type', (_, fields, expected) => {
    const error = new Error('x');
    for (const [key, value] of Object.entries(fields)) Object.defineProperty(error, key, { value });
    expect(stored(error)).toMatchObject(expected);
  });
});
