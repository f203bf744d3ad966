import { describe, expect, it } from 'vitest';
import { kindOf } from './failure-fingerprint.ts';

const record = (message: string, more: object = {}) => ({
  name: 'Error',
  message,
  code: undefined,
  stack: undefined,
  cause: undefined,
  ...more,
});
const print = (message: string, more: object = {}): string => kindOf('charge', record(message, more)).fingerprint;
const stack = (frame: string): object => ({
  stack: `Error: x\n    at node:internal/timers:1:2\n    at get (/app/node_modules/pg/lib.js:3:4)\n    at ${frame}`,
});

describe('the fingerprint of an error', () => {
  it.each([
    ['order 17 failed', 'order 18 failed'],
    ['took 1.5 s at 12:30', 'took 22.75 s at 09:01'],
    ['no user 3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'no user 9b2504e0-4f89-11d3-9a0c-0305e82c33ff'],
    ['key a81bc81ef3aa is taken', 'key 09ffe1c2d3b4 is taken'],
    ['no file "a.txt" in `x`', 'no file "b c.txt" in `yy`'],
    ['mail to ann@example.com bounced', 'mail to bob.b+x@mail.example.org bounced'],
    ['\0 and \uD800 of 1', '\0 and \uD800 of 2'],
  ])('is that of others like it: %j', (one, other) => {
    expect(print(one)).toBe(print(other));
    expect(print(one)).toMatch(/^[\w-]{16}$/u);
  });

  it.each([
    ['message', print('no file'), print('no folder')],
    ['task', print('no file'), kindOf('refund', record('no file')).fingerprint],
    ['name', print('no file'), print('no file', { name: 'RangeError' })],
    ['code', print('no file'), print('no file', { code: 'ENOENT' })],
    ['function', print('no file', stack('read (/app/src/a.ts:10:5)')), print('no file', stack('write (/app/src/a.ts:10:5)'))],
  ])('is another one with another %s', (_, one, other) => {
    expect(one).not.toBe(other);
  });

  it('does not depend on where the code lies, nor on the line', () => {
    const at = ['async read (/app/src/a.ts:10:5)', 'read (file:///srv/v2/src/a.ts?t=1:99:1)', 'async read (C:\\app\\a.ts:1:1)'];
    expect(new Set(at.map((frame) => print('no file', stack(frame)))).size).toBe(1);
  });

  it('keeps what names the group, without what a store refuses', () => {
    const kind = kindOf('charge\0', record(`\uD800\0${'x'.repeat(400)}`, { code: 'E' }));
    expect(kind).toMatchObject({ task: 'charge', name: 'Error', code: 'E', message: 'x'.repeat(298) });
  });
});
