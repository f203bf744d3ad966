import { describe, expect, it } from 'vitest';
import { DEFAULT_MAX_CRASHES, tooManyCrashes } from './crash-limit.ts';

describe('the crash limit', () => {
  it.each([0, 1, 2])('lets a job start after %d crashes of 3', (crashes) => {
    expect(tooManyCrashes(crashes, DEFAULT_MAX_CRASHES)).toBeUndefined();
  });

  it.each([3, 4, 100])('fails it after %d', (crashes) => {
    expect(tooManyCrashes(crashes, 3)).toMatchObject({
      kind: 'failed',
      error: { code: 'too_many_crashes', message: expect.stringContaining(`${crashes} times (maxCrashes: 3)`) },
    });
  });

  it('of 1 gives no second chance', () => {
    expect(tooManyCrashes(0, 1)).toBeUndefined();
    expect(tooManyCrashes(1, 1)).toMatchObject({ kind: 'failed' });
  });
});
