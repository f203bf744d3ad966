import { describe, expect, it } from 'vitest';
import { resolveAppOptions, type AppOptions } from '../app-options.ts';
import { defineTask } from '../task-options.ts';
import { engineRetention } from './retention.ts';

const DAY = 86_400;

function engineKeeps(options: Omit<AppOptions, 'name'>, ...ttls: readonly string[]): ReturnType<typeof engineRetention> {
  const tasks = ttls.map((resultTtl, n) => defineTask(`t${n}`, { resultTtl, run: () => 1 }, {}, []));
  return engineRetention(resolveAppOptions({ name: 'a', url: 'embedded:', ...options }), tasks);
}

describe('what the engine itself lets go at the end of a job', () => {
  it('is what succeeded has, and failed jobs past the longest of their ages', () => {
    expect(engineKeeps({})).toEqual({ keepSucceeded: { ageSeconds: DAY, count: 10_000 }, keepFailed: { ageSeconds: 30 * DAY } });
    expect(engineKeeps({ retention: { failed: { age: '1d' } } }).keepFailed).toEqual({ ageSeconds: 14 * DAY });
    expect(engineKeeps({ retention: { failed: { age: '1d' }, cancelled: { age: '20d' } } }).keepFailed).toEqual({ ageSeconds: 20 * DAY });
    expect(engineKeeps({ retention: { cancelled: { count: 5 } } }).keepFailed).toEqual({});
  });

  it('is no number of failed jobs, unless they are all of one kind', () => {
    const retention = { failed: { count: 10 } };
    expect(engineKeeps({ retention }).keepFailed).toEqual({});
    expect(engineKeeps({ retention, deadLetters: false }).keepFailed).toEqual({ count: 10 });
    expect(engineKeeps({ retention: { ...retention, cancelled: { count: 5 } }, deadLetters: false }).keepFailed).toEqual({});
  });

  it('is no job that its task keeps for longer', () => {
    expect(engineKeeps({}, '1m', '2h').keepSucceeded).toEqual({ ageSeconds: DAY, count: 10_000 });
    expect(engineKeeps({}, '1m', '3d').keepSucceeded).toEqual({ ageSeconds: 3 * DAY });
    expect(engineKeeps({ retention: { succeeded: { count: 7 } } }, '3d').keepSucceeded).toEqual({ count: 7 });
  });
});
