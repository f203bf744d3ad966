import { describe, expect, it } from 'vitest';
import { CancelledError, InvalidInputError, NonRetryableError, OxbowError, SoftTimeLimitError } from '../errors.ts';
import { RetryAfterError } from '../task/retry.ts';
import { fromSentError, toSentError } from './sent-error.ts';

const there = (error: Error): Error => fromSentError(structuredClone(toSentError(error)));

describe('an error between a worker and its child', () => {
  it.each([
    new CancelledError('enough'),
    new NonRetryableError('no use', { cause: new TypeError('root') }),
    new SoftTimeLimitError('t', 5),
    new InvalidInputError('t', [{ path: 'a.b', message: 'no' }]),
    new RetryAfterError('1h'),
    new OxbowError('run_over', 'over'),
  ])('is of its class again: $name', (error) => {
    const back = there(error);
    expect(back).toBeInstanceOf(error.constructor);
    expect(OxbowError.is(back)).toBe(true);
    expect(back).toMatchObject({
      ...Object.fromEntries(Object.entries(error)),
      name: error.name,
      message: error.message,
      stack: error.stack,
    });
    expect((back.cause as Error | undefined)?.message).toBe((error.cause as Error | undefined)?.message);
  });

  it('of the user has its name, message, code, stack and causes, and no class', () => {
    const error = Object.assign(new RangeError('mine', { cause: new TypeError('root') }), { code: 'E_OWN' });
    const back = there(error);
    expect(back).toMatchObject({ name: 'RangeError', message: 'mine', code: 'E_OWN', stack: error.stack, cause: { name: 'TypeError' } });
    expect(OxbowError.is(back)).toBe(false);
  });
});
