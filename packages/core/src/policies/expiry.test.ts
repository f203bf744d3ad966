import { describe, expect, it } from 'vitest';
import { expired } from './expiry.ts';

describe('expiry', () => {
  it('lets a job start that has none, and up to its moment', () => {
    expect(expired(undefined, Number.MAX_SAFE_INTEGER)).toBeUndefined();
    expect(expired(1000, 999)).toBeUndefined();
    expect(expired(1000, 1000)).toBeUndefined();
  });

  it('ends it after that, and says when it was', () => {
    expect(expired(1000, 1001)).toMatchObject({
      kind: 'expired',
      error: { code: 'expired', message: expect.stringContaining('1970-01-01T00:00:01.000Z') },
    });
  });
});
