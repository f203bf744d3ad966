import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Schema } from './schema.ts';
import { parse } from './schema.ts';

const order = z.object({ id: z.string(), items: z.array(z.object({ amount: z.number().positive() })) });

describe('parse', () => {
  it('gives the output form', () => {
    expect(parse(z.coerce.number().default(7), '5', 't')).toBe(5);
    expect(parse(z.coerce.number().default(7), undefined, 't')).toBe(7);
  });

  it('throws every issue with its path', () => {
    const attempt = (): unknown => parse(order as Schema, { items: [{ amount: 1 }, { amount: -1 }] }, 'charge');
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'invalid_input',
        message: expect.stringMatching(/^Input of task "charge" is invalid: id: .*; items\.1\.amount: /u),
      }),
    );
    expect(attempt).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ path: 'id' }), expect.objectContaining({ path: 'items.1.amount' })] }),
    );
  });

  it('says of a whole value that it is invalid without a path', () => {
    expect(() => parse(z.string() as unknown as Schema, 1, 't', 'invalid_output')).toThrow(
      /^Output of task "t" is invalid: Invalid input: expected string/u,
    );
  });

  it('waits for an asynchronous schema', async () => {
    const even = z.number().refine(async (n) => Promise.resolve(n % 2 === 0), 'odd');
    const asynchronous: Schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => even.safeParseAsync(value).then(({ success }) => (success ? { value } : { issues: [{ message: 'odd' }] })),
      },
    };
    await expect(parse(asynchronous, 2, 't')).resolves.toBe(2);
    await expect(parse(asynchronous, 3, 't')).rejects.toMatchObject({ code: 'invalid_input', issues: [{ message: 'odd', path: '' }] });
  });

  it('takes any Standard Schema, with path segments as objects', () => {
    const strict: Schema = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 0, Symbol('s')] }] }) },
    };
    expect(() => parse(strict, 1, 't')).toThrow(expect.objectContaining({ issues: [{ message: 'no', path: 'a.0.Symbol(s)' }] }));
  });
});
