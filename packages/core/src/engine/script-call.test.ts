import fc from 'fast-check';
import { Command } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { ScriptCalls, type ScriptArgument } from './script-call.ts';

const SHA = 'a'.repeat(40);

function asIoredisWritesIt(keys: number, args: readonly ScriptArgument[]): Buffer {
  return Buffer.from(new Command('evalsha', [SHA, keys, ...args] as string[]).toWritable({}));
}

const plain = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.constant(null), fc.constant(undefined));
const argument = fc.oneof(
  plain,
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);

describe('ScriptCalls', () => {
  it('writes what ioredis writes, whatever the calls before were', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.array(plain, { maxLength: 2 }), fc.array(argument, { maxLength: 6 })), { minLength: 1, maxLength: 5 }),
        (keys, calls) => {
          const script = new ScriptCalls({ sha: SHA, numberOfKeys: keys.length });
          for (const [own, rest] of calls) {
            const args = [...own, ...keys.slice(own.length), ...rest];
            expect(script.encode(args).toString('hex')).toBe(asIoredisWritesIt(keys.length, args).toString('hex'));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
