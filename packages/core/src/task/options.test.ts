import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { parseOptions } from './options.ts';

const schema = z.strictObject({
  delay: z.optional(z.number()),
  queues: z.optional(z.record(z.string(), z.strictObject({ priorities: z.optional(z.boolean()) }))),
  retry: z.optional(
    z.strictObject({
      attempts: z.optional(z.int().check(z.gte(1), z.lte(100))),
      backoff: z.optional(
        z.union([
          z.custom<() => void>((value) => typeof value === 'function', 'must be a function'),
          z.strictObject({ jitter: z.optional(z.enum(['full', 'none'])) }),
        ]),
      ),
    }),
  ),
});

function message(options: unknown): string {
  try {
    parseOptions(schema, options, 'f()');
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_options' });
    return (error as Error).message;
  }
  throw new Error('accepted');
}

describe('options', () => {
  it('come back as the schema reads them', () => {
    expect(parseOptions(schema, { delay: 1 }, 'f()')).toEqual({ delay: 1 });
  });

  it.each([
    [{ dealy: 1 }, 'f(): unknown option "dealy". Did you mean "delay"?'],
    [{ DELAY: 1 }, 'f(): unknown option "DELAY". Did you mean "delay"?'],
    [{ retries: {} }, 'f(): unknown option "retries". Did you mean "retry"?'],
    [{ visibility: 1 }, 'f(): unknown option "visibility". Known: delay, queues, retry.'],
    [{ retry: { atempts: 1 } }, 'f(): unknown option "retry.atempts". Did you mean "attempts"?'],
    [{ retry: { backoff: { jiter: 'full' } } }, 'f(): unknown option "retry.backoff.jiter". Did you mean "jitter"?'],
    [{ queues: { critical: { fifo: true } } }, 'f(): unknown option "queues.critical.fifo". Known: priorities.'],
    [{ queues: { critical: { prioritys: true } } }, 'f(): unknown option "queues.critical.prioritys". Did you mean "priorities"?'],
  ])('with an unknown name are refused with a suggestion: %j', (options, expected) => {
    expect(message(options)).toBe(expected);
  });

  it.each([
    [{ delay: '1' }, /^f\(\): delay: .*expected number/u],
    [{ retry: { attempts: 0 } }, /^f\(\): retry\.attempts: .*>=1/u],
    [{ retry: { attempts: 101 } }, /^f\(\): retry\.attempts: .*<=100/u],
    [{ retry: { backoff: { jitter: 'half' } } }, /^f\(\): retry\.backoff/u],
    [{ retry: { backoff: 5 } }, /^f\(\): retry\.backoff: /u],
    [null, /^f\(\): .*expected object/u],
    ['x', /^f\(\): .*expected object/u],
    [[], /^f\(\): .*expected object/u],
  ])('out of range or of another type are refused with their path: %j', (options, expected) => {
    expect(message(options)).toMatch(expected);
  });
});
