import { describe, expect, it } from 'vitest';
import { assertName } from './name.ts';

describe('a name', () => {
  it.each(['a', 'orders.charge', 'A-Z_0.9', 'x'.repeat(128)])('may be %j', (name) => {
    expect(() => assertName('task', name)).not.toThrow();
  });

  it.each(['', ' ', 'a b', 'a:b', 'a{b}', 'a/b', '../etc', 'a\n', 'é', 'a@b', 'x'.repeat(129), "'; DROP TABLE job; --"])(
    'may not be %j',
    (name) => {
      expect(() => assertName('queue', name)).toThrow(expect.objectContaining({ code: 'invalid_name' }));
    },
  );

  it.each([undefined, null, 1, {}, ['a'], Symbol('a')])('is text, not %s', (name) => {
    expect(() => assertName('app', name)).toThrow(
      expect.objectContaining({ code: 'invalid_name', message: expect.stringContaining('The app name must be') }),
    );
  });

  it('does not begin as Oxbow’s own do', () => {
    expect(() => assertName('task', 'oxbow.collect')).toThrow(expect.objectContaining({ code: 'invalid_name' }));
    expect(() => assertName('app', 'oxbow.example')).not.toThrow();
    expect(() => assertName('task', 'oxbows')).not.toThrow();
  });

  it('is cut in the message', () => {
    expect(() => assertName('task', '!'.repeat(1_000_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,300}$/u) }),
    );
  });
});
