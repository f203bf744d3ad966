import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { ScriptBatch } from './script-batch.ts';
import type { ScriptArgument } from './script-call.ts';

onRedis(({ url }) => {
  /** The server knows the script, and not the one that runs it many times. */
  async function open(lua: string, numberOfKeys: number): Promise<{ batch: ScriptBatch; client: Redis; sent: () => number; key: string }> {
    const key = uniqueName();
    const text = `-- ${key}\n${lua}`;
    const client = new Redis(url);
    const sends = vi.spyOn(client, 'sendCommand');
    onTestFinished(async () => {
      await deleteKeys(url, key);
      client.disconnect();
    });
    await client.script('LOAD', text);
    const batch = new ScriptBatch(client, { lua: text, sha: createHash('sha1').update(text).digest('hex'), numberOfKeys });
    return { batch, client, key, sent: () => sends.mock.calls.length };
  }

  it('sends the calls of one tick as one command, and gives each its own reply', async () => {
    const { batch, key, sent } = await open('return { KEYS[1], ARGV[1] }', 1);
    await Promise.all([batch.send([key, 'a']), batch.send([key, 'b'])]);
    const before = sent();
    const replies = await Promise.all([batch.send([key, 'one']), Promise.resolve().then(() => batch.send([`${key}:2`, 'two']))]);
    expect(replies).toEqual([
      [key, 'one'],
      [`${key}:2`, 'two'],
    ]);
    expect(sent() - before).toBe(1);
  });

  it('hands each run the keys and arguments of its call, whatever they are', async () => {
    const lua = 'return { #KEYS, #ARGV, KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3] }';
    const { batch, key } = await open(lua, 2);
    const text = fc.oneof(fc.constantFrom('', '0', 'same'), fc.string({ unit: 'binary-ascii' }));
    const value = fc.oneof(
      text,
      fc.integer(),
      fc.constant(null),
      text.map((one) => Buffer.from(one)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, value, value, value), { minLength: 1, maxLength: 40 }), async (calls) => {
        const replies = await Promise.all(calls.map(([own, ...values]) => batch.send([key, own, ...values])));
        expect(replies).toEqual(calls.map(([own, ...values]) => [2, 3, key, own, ...values.map(asText)]));
      }),
      { numRuns: 60 },
    );
  });

  it('rejects the call that fails, and no other', async () => {
    const { batch, key, client } = await open("return redis.call('INCR', KEYS[1])", 1);
    await client.set(`${key}:text`, 'none');
    const ends = await Promise.allSettled([key, `${key}:text`, key].map((one) => batch.send([one])));
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await client.get(key)).toBe('2');
    expect(String((ends[1] as PromiseRejectedResult).reason)).toContain('not an integer');
  });

  it('asks again, alone, for a call that the server refuses for now', async () => {
    const refuses = `
if ARGV[1] == 'fine' then return 1 end
if redis.call('INCR', KEYS[1]) == 1 then return redis.error_reply('OOM for now') end
return 2`;
    const { batch, key } = await open(refuses, 1);
    expect(await Promise.all([batch.send([key, 'fine']), batch.send([key, 'refused']), batch.send([key, 'fine'])])).toEqual([1, 2, 1]);
  });

  it('runs calls in their order, also when they are more than one command takes', async () => {
    const { batch, key, client } = await open("return redis.call('RPUSH', KEYS[1], ARGV[1])", 1);
    const numbers = Array.from({ length: 200 }, (_, n) => n);
    expect(await Promise.all(numbers.map((n) => batch.send([key, n])))).toEqual(numbers.map((n) => n + 1));
    expect(await client.lrange(key, 0, -1)).toEqual(numbers.map(String));
  });

  it('puts no more large arguments into one command than a few', async () => {
    const { batch, key, sent } = await open('return #ARGV[1]', 1);
    await Promise.all([batch.send([key, 'a']), batch.send([key, 'b'])]);
    const before = sent();
    const sizes = Array.from({ length: 10 }, (_, n) => 40_000 + n);
    expect(await Promise.all(sizes.map((size) => batch.send([key, 'x'.repeat(size)])))).toEqual(sizes);
    expect(sent() - before).toBe(5);
  });

  it('rejects all calls of a command whose connection is gone', async () => {
    const { batch, client, key } = await open('return 1', 1);
    await batch.send([key]).catch(() => undefined);
    client.disconnect();
    const ends = await Promise.allSettled([batch.send([key]), batch.send([key])]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

function asText(value: ScriptArgument): string {
  return value === null || value === undefined ? '' : String(value);
}
