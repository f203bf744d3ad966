import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newJobId, parsePublicId, publicId } from './id.ts';

const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/u);

describe('a job id', () => {
  it('is 16 characters that are safe in keys, and new every time', () => {
    const ids = Array.from({ length: 1000 }, newJobId);
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{16}$/u);
  });

  it('comes back from its public form', () => {
    fc.assert(
      fc.property(name, name, (jobId, queue) => {
        expect(parsePublicId(publicId(jobId, queue))).toEqual({ jobId, queue });
      }),
    );
  });

  it('may be of a job that a scheduler has made, in BullMQ’s form and no other', () => {
    expect(parsePublicId('repeat:tick:1795830003340@q')).toEqual({ jobId: 'repeat:tick:1795830003340', queue: 'q' });
    for (const id of ['repeat:tick:1:lock@q', 'repeat:tick:lock@q', 'repeat:{q}:1@q', 'other:tick:1@q', 'repeat:tick@q'])
      expect(() => parsePublicId(id)).toThrow(expect.objectContaining({ code: 'unknown_job' }));
  });

  it.each(['', '@', 'a@', '@b', 'ab', 'a@b@c', 'a b@c', 'a@b c', 'a:1@q', `${'x'.repeat(129)}@q`, 'a@{q}', 'a\n@q'])('is not %j', (id) => {
    expect(() => parsePublicId(id)).toThrow(expect.objectContaining({ code: 'unknown_job' }));
  });

  it.each([undefined, null, 5, {}, ['a@b'], { toString: () => 'a@b' }])('is text, not %s', (id) => {
    expect(() => parsePublicId(id)).toThrow(expect.objectContaining({ code: 'unknown_job' }));
  });
});
