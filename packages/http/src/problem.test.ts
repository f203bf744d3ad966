import { readFile } from 'node:fs/promises';
import { EngineUnavailableError, InvalidInputError, OxbowError, SerializationError, type ErrorCode } from '@oxbow/core';
import { describe, expect, it } from 'vitest';
import { problemCodes } from './problem-codes.ts';
import { Problem, toProblem } from './problem.ts';

describe('problems', () => {
  it('are the ones of docs/http.md', async () => {
    const page = await readFile(new URL('../../../docs/http.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| (?<status>\d{3}) \| `(?<code>\w+)` \|/gmu)].map(
      ({ groups }) => `${groups?.['status']} ${groups?.['code']}`,
    );
    expect(rows).toEqual(Object.entries(problemCodes).map(([code, { status }]) => `${status} ${code}`));
  });

  it('have a status of their own for each error that a client can do something about', () => {
    const statusOf = (code: string) => toProblem(new OxbowError(code as ErrorCode, 'secret'))?.status;
    expect(
      ['unknown_job', 'result_expired', 'result_gone', 'result_corrupt', 'result_store_failed', 'engine_refused', 'closed'].map(statusOf),
    ).toEqual([404, 410, 410, 500, 503, 503, 503]);
    expect(['deadlock', 'toString', 'url_required'].map(statusOf)).toEqual([undefined, undefined, undefined]);
    expect(toProblem(new Error('secret'))).toBeUndefined();
    expect(toProblem('secret')).toBeUndefined();
  });

  it('say when to come again for what is away for now, and never what an error said', () => {
    const problem = toProblem(new EngineUnavailableError('redis://10.0.0.1:6379', 1));
    expect(problem?.response(undefined).headers.get('retry-after')).toBe('5');
    expect(JSON.stringify(problem?.document(undefined))).not.toContain('10.0.0.1');
  });

  it('name the place of what is wrong, shortened', () => {
    const long = 'x'.repeat(1000);
    const input = toProblem(new InvalidInputError('t', [{ path: long, message: long }]))?.document(undefined);
    expect(input).toMatchObject({ issues: [{ path: 'x'.repeat(300), message: 'x'.repeat(300) }] });
    expect(toProblem(new SerializationError(`input.${long}`, 'is secret'))?.document(undefined)).toMatchObject({
      detail: `At input.${'x'.repeat(294)}.`,
    });
  });

  it('pass through as they are', () => {
    const problem = new Problem('forbidden', { detail: 'no' });
    expect(toProblem(problem)).toBe(problem);
  });
});
