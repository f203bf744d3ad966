import { describe, expect, it } from 'vitest';
import { resolveAppOptions, type AppOptions } from '../app-options.ts';
import { defineTask } from '../task-options.ts';
import { engineRetention } from './retention.ts';

const DAY = 86_400;

function engineKeeps(options: Omit<AppOptions, 'name'>, ...ttls: readonly string[]): ReturnType<typeof engineRetention> {
  const tasks = ttls.map((resultTtl, n) => defineTask(`t${n}`, { resultTtl, run: () => 1 }, {}, []));
  return engineRetention(resolveAppOptions({ name: 'a', url: 'embedded:', ...options }), tasks, 'mail');
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

  it('is, kind by kind, what the queue itself says', () => {
    const queues = { mail: { retention: { succeeded: { count: 3 }, failed: { age: '2d' } } } } as const;
    const retention = { succeeded: { age: '1h' }, cancelled: { age: '40d' } } as const;
    expect(engineKeeps({ queues, retention, deadLetters: false })).toEqual({
      keepSucceeded: { count: 3 },
      keepFailed: { ageSeconds: 2 * DAY },
    });
    const others = { bulk: queues.mail, mail: { retention: { cancelled: { age: '3d' } } } } as const;
    expect(engineKeeps({ queues: others, retention, deadLetters: false })).toEqual({
      keepSucceeded: { ageSeconds: 3600 },
      keepFailed: { ageSeconds: 30 * DAY },
    });
  });

  it('is no job that its task keeps for longer', () => {
    expect(engineKeeps({}, '1m', '2h').keepSucceeded).toEqual({ ageSeconds: DAY, count: 10_000 });
    expect(engineKeeps({}, '1m', '3d').keepSucceeded).toEqual({ ageSeconds: 3 * DAY });
    expect(engineKeeps({ retention: { succeeded: { count: 7 } } }, '3d').keepSucceeded).toEqual({ count: 7 });
  });
});

describe('options of retention', () => {
  it('are refused when they are no times or numbers', () => {
    const refused = (retention: object): unknown => {
      try {
        return resolveAppOptions({ name: 'a', url: 'embedded:', retention });
      } catch (error) {
        return (error as { readonly code?: unknown }).code;
      }
    };
    expect(refused({ cancelled: { age: '3 fortnights' } })).toBe('invalid_options');
    expect(refused({ succeeded: { bytes: -1 } })).toBe('invalid_options');
    expect(refused({ succeeded: { bytes: 1.5 } })).toBe('invalid_options');
    expect(refused({ expired: { age: '1d' } })).toBe('invalid_options');
    const ofQueue = (retention: object) => () => resolveAppOptions({ name: 'a', url: 'embedded:', queues: { mail: { retention } } });
    expect(ofQueue({ failed: { age: 'soon' } })).toThrow(/queues\.mail\.retention\.failed\.age/u);
    expect(ofQueue({ expired: {} })).toThrow(/expired/u);
  });

  it.each(['10ms', 'soon', -1, {}])('a resultTtl of %j is refused', (resultTtl) => {
    const define = () => defineTask('t', { resultTtl, run: () => 1 }, {}, []);
    expect(define).toThrow(expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('resultTtl') as string }));
  });
});
