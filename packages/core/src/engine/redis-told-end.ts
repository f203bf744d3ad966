import type { Redis } from 'ioredis';
import { FINISH, finishParts } from './redis-completion.ts';
import { replyChannel, type ReplyChannels } from './redis-replies.ts';
import { RedisScript } from './redis-script.ts';
import type { ScriptArgument } from './script-call.ts';

/**
 * BullMQ's moveToFinished, and then the end of the job told on a channel, with what its event has: when the end is there, it is told.
 * ARGV[10] channel
 */
function tellingEnd(lua: string, sharded: boolean): string {
  return `
local function finish(KEYS, ARGV)
${lua}
end
local result = finish(KEYS, ARGV)
if type(result) ~= 'number' or result >= 0 then
  -- A user who may not publish ends jobs all the same.
  redis.pcall('${sharded ? 'SPUBLISH' : 'PUBLISH'}', ARGV[10], ARGV[5] .. '\\n' .. ARGV[1] .. '\\n' .. ARGV[4])
end
return result`;
}

/** Ends jobs whose end somebody wants to be told of. */
export class RedisToldEnd {
  readonly #script: RedisScript;
  readonly #channels: ReplyChannels;

  /** @param lua - BullMQ's moveToFinished. */
  constructor(lua: string, channels: ReplyChannels) {
    this.#channels = channels;
    this.#script = new RedisScript(tellingEnd(lua, channels.sharded), FINISH.keys);
  }

  /** @param args - of moveToFinished, keys first. */
  finish(client: Redis, args: readonly ScriptArgument[], replyTo: string): Promise<unknown> {
    const { keys, own } = finishParts(args);
    return this.#script.run(client, [...keys, ...own, replyChannel(this.#channels, replyTo)]);
  }
}
