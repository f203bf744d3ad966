import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { ScriptCalls, type ScriptArgument } from './script-call.ts';

/** A Lua script of ours with one key, which only tells the app's slot: all its keys lie there. */
export class RedisScript {
  readonly #lua: string;
  readonly #calls: ScriptCalls;

  constructor(lua: string) {
    this.#lua = lua;
    this.#calls = new ScriptCalls({ sha: createHash('sha1').update(lua).digest('hex'), numberOfKeys: 1 });
  }

  /** One round trip; two when the server does not have the script yet, or any more. */
  async call(client: Redis, key: string, args: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await this.#calls.send(client, [key, ...args]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(this.#lua, 1, key, ...args.map((arg) => arg ?? ''));
    }
  }
}
