import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { ScriptCalls, type ScriptArgument } from './script-call.ts';

/** A Lua script of ours. With one key that only tells the app's slot: all its keys lie there. */
export class RedisScript {
  readonly #lua: string;
  readonly #keys: number;
  readonly #calls: ScriptCalls;

  constructor(lua: string, numberOfKeys: number = 1) {
    this.#lua = lua;
    this.#keys = numberOfKeys;
    this.#calls = new ScriptCalls({ sha: createHash('sha1').update(lua).digest('hex'), numberOfKeys });
  }

  call(client: Redis, key: string, args: readonly ScriptArgument[]): Promise<unknown> {
    return this.run(client, [key, ...args]);
  }

  /** One round trip; two when the server does not have the script yet, or any more. @param args - keys first */
  async run(client: Redis, args: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await this.#calls.send(client, args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(this.#lua, this.#keys, ...args.map((arg) => arg ?? ''));
    }
  }
}
