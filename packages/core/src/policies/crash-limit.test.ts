import { describe, expect, it } from 'vitest';
import { Gate } from '../testing/gate.ts';
import { DEFAULT_MAX_CRASHES, LastChance, tooManyCrashes } from './crash-limit.ts';

const never = (): Promise<number> => Promise.resolve(0);

describe('the crash limit', () => {
  it.each([0, 1, 2])('lets a job start after %d crashes of 3, and asks for nothing', async (crashes) => {
    const asked = (): Promise<number> => Promise.reject(new Error('asked'));
    expect(await tooManyCrashes(crashes, DEFAULT_MAX_CRASHES, asked)).toBeUndefined();
  });

  it.each([3, 4, 100])('fails it after %d', async (crashes) => {
    expect(await tooManyCrashes(crashes, 3, never)).toMatchObject({
      kind: 'failed',
      error: { code: 'too_many_crashes', message: expect.stringContaining(`${crashes} times (maxCrashes: 3)`) as string },
    });
  });

  it('of 1 gives no second chance', async () => {
    expect(await tooManyCrashes(0, 1, never)).toBeUndefined();
    expect(await tooManyCrashes(1, 1, never)).toMatchObject({ kind: 'failed' });
  });

  it.each([
    [3, 'too_often_blocked', 'for longer than maxBlocked 3 times'],
    [1, 'too_many_crashes', '3 times, 1 of them by blocking it'],
  ])('tells a blocked event loop from a crash: %d of 3', async (blocked, code, message) => {
    const outcome = await tooManyCrashes(3, 3, () => Promise.resolve(blocked));
    expect(outcome).toMatchObject({ error: { code, message: expect.stringContaining(message) as string } });
  });

  it('does not depend on who could tell them apart', async () => {
    const away = (): Promise<number> => Promise.reject(new Error('away'));
    expect(await tooManyCrashes(3, 3, away)).toMatchObject({ error: { code: 'too_many_crashes' } });
  });
});

describe('the last chance before it', () => {
  it('is one job at a time: the next is put back, and comes in when that has ended, however it did', async () => {
    const lastChance = new LastChance();
    const gate = new Gate();
    const first = lastChance.run(() => gate.pass().then(() => ({ kind: 'succeeded', value: 1 }) as const));
    const ran = (): Promise<never> => Promise.reject(new Error('It ran.'));
    expect(await lastChance.run(ran)).toEqual({ kind: 'put-back', delayMs: 2000, reason: 'last-chance' });
    gate.open();
    expect(await first).toEqual({ kind: 'succeeded', value: 1 });
    await expect(lastChance.run(ran)).rejects.toThrow('It ran.');
    await expect(lastChance.run(ran)).rejects.toThrow('It ran.');
  });
});
