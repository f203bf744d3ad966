import { describe, expect, it } from 'vitest';
import { etaMs } from './eta.ts';

const at = (ms: number): number => 1_000_000 + ms;
const report = { done: 30, total: 90, at: at(2000), from: { done: 10, at: at(1000) } };

describe('the time that is left', () => {
  it('is that of the rest, as fast as from the first report to the last', () => {
    expect(etaMs(report, at(0))).toBe(3000);
    expect(etaMs({ ...report, from: { done: 0, at: at(1700) } }, at(0))).toBe(600);
  });

  it('is none when all is done, or more', () => {
    expect(etaMs({ ...report, done: 90 }, at(0))).toBe(0);
    expect(etaMs({ ...report, done: 91 }, at(0))).toBe(0);
  });

  it.each([
    ['there is no report', {}],
    ['other programs wrote it', { done: 1, total: 2 }],
    ['there is one report', { ...report, from: { done: 30, at: at(2000) } }],
    ['nothing was done in between', { ...report, from: { done: 30, at: at(1000) } }],
    ['no time has passed', { ...report, from: { done: 10, at: at(2000) } }],
    ['the clock was set back', { ...report, from: { done: 10, at: at(3000) } }],
  ])('is not known when %s', (_, shown) => {
    expect(etaMs(shown, at(0))).toBeUndefined();
  });

  it('is not known from reports of an earlier attempt', () => {
    expect(etaMs(report, at(2001))).toBeUndefined();
    expect(etaMs(report, undefined)).toBe(3000);
  });
});
