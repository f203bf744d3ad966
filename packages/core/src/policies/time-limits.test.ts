import { describe, expect, it } from 'vitest';
import { resolveHeartbeat } from './heartbeat.ts';
import { resolveIsolation } from './isolation.ts';
import { resolveTimeLimits } from './time-limits.ts';

describe('the option timeout', () => {
  it('is a hard limit, or a soft and a hard one', () => {
    expect(resolveTimeLimits(undefined, 't')).toBeUndefined();
    expect(resolveTimeLimits('30s', 't')).toEqual({ softMs: undefined, hardMs: 30_000 });
    expect(resolveTimeLimits({ soft: 20, hard: '1m' }, 't')).toEqual({ softMs: 20, hardMs: 60_000 });
    expect(resolveTimeLimits({ soft: '20s' }, 't')).toEqual({ softMs: 20_000, hardMs: undefined });
  });

  it.each([
    [0, 'timeout must be more than 0'],
    [{ soft: 0, hard: 5 }, 'timeout.soft must be more than 0'],
    [{ soft: 5, hard: 5 }, 'timeout.soft (5 ms) must be less than timeout.hard (5 ms)'],
    ['25d' as const, 'at most 24 days'],
    [{}, 'timeout needs soft, hard, or both'],
    ['soon' as never, 'timeout must be a duration'],
    [-1, 'timeout must be a duration'],
  ])('refuses %j', (option, message) => {
    expect(() => resolveTimeLimits(option, 't')).toThrow(message);
  });
});

describe('the option heartbeat', () => {
  it('needs a timeout that is a time', () => {
    expect(resolveHeartbeat(undefined, 't')).toBeUndefined();
    expect(resolveHeartbeat({ timeout: '10s' }, 't')).toBe(10_000);
    expect(() => resolveHeartbeat({ timeout: 0 }, 't')).toThrow('heartbeat.timeout must be more than 0');
  });
});

describe('the option isolate', () => {
  it('names the module as a file, by URL or path', () => {
    const isolated = (module: string | URL): unknown => resolveIsolation({ kind: 'thread', module }, 't')?.module;
    expect(isolated('file:///a/b.js')).toBe('file:///a/b.js');
    expect(isolated(new URL('file:///a/b.js'))).toBe('file:///a/b.js');
    expect(isolated('/a/b.js')).toBe('file:///a/b.js');
    for (const module of ['./b.js', 'data:text/javascript,0', 'https://example.com/b.js'])
      expect(() => isolated(module)).toThrow('isolate.module must be a file: URL');
  });
});
