import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CancelledError, InvalidInputError, NonRetryableError, OxbowError, ResultTooLargeError, SerializationError } from '../errors.ts';
import { MAX_DURATION_MS } from './duration.ts';
import { parseOptions } from './options.ts';
import { resolveRetry, RetryAfterError, retryOptions, type BackoffOptions, type RetryOptions } from './retry.ts';

const boom = new Error('boom');

class CardDeclined extends Error {}
class Expired extends CardDeclined {}

/** Delays after attempts 1 to `count`. */
function delays(backoff: RetryOptions['backoff'], count: number, random = 0.5): readonly number[] {
  const policy = resolveRetry({ ...(backoff === undefined ? {} : { backoff }) }, 't', () => random);
  return Array.from({ length: count }, (_, i) => policy.delayMs(i + 1, boom));
}

function coded(code: unknown, name = 'Error'): Error {
  return Object.assign(new Error('x'), { code, name });
}

describe('attempts', () => {
  it('are 1 without retry, 3 with retry, or what is said', () => {
    expect(resolveRetry(undefined, 't').attempts).toBe(1);
    expect(resolveRetry({}, 't').attempts).toBe(3);
    expect(resolveRetry({ attempts: 7 }, 't').attempts).toBe(7);
  });
});

describe('backoff', () => {
  it('is exponential from 1 s to 5 min with full jitter when nothing is said', () => {
    expect(delays(undefined, 11, 0.999_999)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]);
    expect(delays(undefined, 3, 0)).toEqual([0, 0, 0]);
    expect(delays({}, 3, 0.5)).toEqual([500, 1000, 2000]);
  });

  it.each<[BackoffOptions, readonly number[]]>([
    [{ jitter: 'none' }, [1000, 2000, 4000, 8000]],
    [{ jitter: 'none', delay: 100, max: 250 }, [100, 200, 250, 250]],
    [{ jitter: 'none', type: 'fixed', delay: '2s' }, [2000, 2000, 2000, 2000]],
    [{ jitter: 'none', type: 'fixed', delay: '10m' }, [300_000, 300_000, 300_000, 300_000]],
    [{ jitter: 'none', delay: 0 }, [0, 0, 0, 0]],
    [{ jitter: 'full', delay: 100 }, [50, 100, 200, 400]],
    [{ jitter: 'equal', delay: 100 }, [75, 150, 300, 600]],
  ])('%j gives %j', (backoff, expected) => {
    expect(delays(backoff, 4)).toEqual(expected);
  });

  it('stays within its bounds for every attempt and every random number', () => {
    const jitter = fc.constantFrom('full', 'equal', 'none');
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        jitter,
        fc.constantFrom('exponential', 'fixed'),
        fc.nat(100_000),
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 100 }),
        random,
        (kind, type, delay, max, attempt, value) => {
          const ms = resolveRetry({ backoff: { jitter: kind, type, delay, max } }, 't', () => value).delayMs(attempt, boom);
          const whole = Math.min(type === 'fixed' ? delay : delay * 2 ** (attempt - 1), max);
          const floor = { full: 0, equal: whole / 2, none: whole }[kind];
          expect(Number.isInteger(ms)).toBe(true);
          expect(ms).toBeGreaterThanOrEqual(Math.floor(floor));
          expect(ms).toBeLessThanOrEqual(whole);
        },
      ),
    );
  });

  it('may be a function of attempt and error, without cap or jitter', () => {
    const seen: unknown[] = [];
    const backoff = (attempt: number, error: Error): '1h' => {
      seen.push([attempt, error]);
      return '1h';
    };
    expect(delays(backoff, 2)).toEqual([3_600_000, 3_600_000]);
    expect(seen).toEqual([
      [1, boom],
      [2, boom],
    ]);
  });

  it('that is a function and gives no duration throws, naming the task', () => {
    expect(() => delays((() => 'soon') as never, 1)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('task "t": retry.backoff()') }),
    );
  });

  it.each<BackoffOptions>([{ delay: '1 s' as never }, { delay: -1 }, { max: '400d' }, { max: Number.NaN }])(
    '%j is refused when the task is declared',
    (backoff) => {
      expect(() => resolveRetry({ backoff }, 'charge')).toThrow(
        expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('task "charge": retry.backoff.') }),
      );
    },
  );
});

describe('RetryAfterError', () => {
  it('waits until its date instead of the backoff', () => {
    const delayMs = resolveRetry({ backoff: { jitter: 'none' } }, 't').delayMs(1, new RetryAfterError(new Date(Date.now() + 60_000)));
    expect(delayMs).toBeGreaterThan(55_000);
    expect(delayMs).toBeLessThanOrEqual(60_000);
    expect(resolveRetry({ backoff: () => '1h' }, 't').delayMs(1, new RetryAfterError('5s'))).toBeLessThanOrEqual(5000);
  });

  it('with a past date does not wait, with a far one 366 days', () => {
    expect(resolveRetry({}, 't').delayMs(1, new RetryAfterError(new Date(0)))).toBe(0);
    expect(resolveRetry({}, 't').delayMs(1, new RetryAfterError(new Date(8.64e15)))).toBe(MAX_DURATION_MS);
  });

  it.each([new Date('nonsense'), 'soon', -1, undefined, null])('refuses %s', (when) => {
    expect(() => new RetryAfterError(when as never)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('RetryAfterError') }),
    );
  });

  it('keeps message and cause', () => {
    expect(new RetryAfterError('1s', 'rate limited', { cause: boom })).toMatchObject({
      code: 'retry_after',
      name: 'RetryAfterError',
      message: 'rate limited',
      cause: boom,
    });
  });
});

describe('which errors are retried', () => {
  it.each<[string, RetryOptions, Error, boolean]>([
    ['every error when nothing is said', {}, boom, true],
    ['on: the class', { on: [CardDeclined] }, new CardDeclined(), true],
    ['on: a class above it', { on: [CardDeclined] }, new Expired(), true],
    ['on: another class', { on: [Expired] }, new CardDeclined(), false],
    ['on: nothing', { on: [] }, boom, false],
    ['on: the name', { on: ['TypeError'] }, new TypeError('x'), true],
    ['on: the code', { on: ['ECONNRESET'] }, coded('ECONNRESET'), true],
    ['on: another code', { on: ['ECONNRESET'] }, coded('EPIPE'), false],
    ['on: a code of our own', { on: ['engine_unavailable'] }, new OxbowError('engine_unavailable', 'x'), true],
    ['never: the class', { never: [CardDeclined] }, new Expired(), false],
    ['never: the name', { never: ['CardDeclined'] }, coded(1, 'CardDeclined'), false],
    ['never: the code', { never: ['declined'] }, coded('declined'), false],
    ['never: another error', { never: [CardDeclined] }, boom, true],
    ['never is stronger than on', { on: [Error], never: [CardDeclined] }, new CardDeclined(), false],
    ['RetryAfterError', {}, new RetryAfterError('1s'), true],
  ])('%s', (_, options, error, retried) => {
    expect(resolveRetry(options, 't').retries(error)).toBe(retried);
  });

  it.each<OxbowError>([
    new NonRetryableError('x'),
    new CancelledError('x'),
    new InvalidInputError('t', []),
    new InvalidInputError('t', [], 'invalid_output'),
    new SerializationError('result', 'x'),
    new SerializationError('result', 'x', 'payload_too_large'),
    new ResultTooLargeError('t', 2, 1),
    new OxbowError('deadlock', 'x'),
  ])('never those that would fail in the same way: $code', (error) => {
    expect(resolveRetry({ on: [Error, error.code] }, 't').retries(error)).toBe(false);
  });

  it('knows errors of another copy of the package', () => {
    const foreign = Object.assign(new Error('x'), { code: 'non_retryable', [Symbol.for('oxbow.error')]: true });
    expect(resolveRetry({}, 't').retries(foreign)).toBe(false);
    const later = Object.assign(new Error('x'), { code: 'retry_after', retryAt: Date.now() + 30_000, [Symbol.for('oxbow.error')]: true });
    expect(resolveRetry({ backoff: () => 0 }, 't').delayMs(1, later)).toBeGreaterThan(25_000);
  });
});

describe('retry options', () => {
  it.each<[unknown, RegExp]>([
    [{ attempts: 0 }, /attempts/u],
    [{ attempts: 101 }, /attempts/u],
    [{ attempts: 1.5 }, /attempts/u],
    [{ attempts: '3' }, /attempts/u],
    [{ backoff: 'exponential' }, /backoff/u],
    [{ backoff: { type: 'linear' } }, /backoff/u],
    [{ backoff: { jitter: true } }, /backoff/u],
    [{ backoff: { deley: 1 } }, /Did you mean "delay"/u],
    [{ on: 'Error' }, /on/u],
    [{ on: [1] }, /on\.0: must be error classes, names or codes/u],
    [{ on: [() => true] }, /on\.0: must be error classes, names or codes/u],
    [{ never: [{}] }, /never\.0/u],
    [{ attemps: 3 }, /Did you mean "attempts"/u],
    [true, /expected object/u],
  ])('%j are refused', (options, message) => {
    expect(() => parseOptions(retryOptions, options, 'task "t"')).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) }),
    );
  });

  it.each<RetryOptions>([{}, { attempts: 1 }, { attempts: 100 }, { backoff: () => 5 }, { on: [CardDeclined, Error, 'x'], never: [] }])(
    '%j are taken',
    (options) => {
      expect(parseOptions(retryOptions, options, 'task "t"')).toEqual(options);
    },
  );
});
