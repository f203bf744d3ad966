import type { Redis } from 'ioredis';
import { RedisScript } from './redis-script.ts';
import { isRefusal } from './refusal.ts';
import { ScriptCalls, type Script, type ScriptArgument } from './script-call.ts';

/** One call carries so many at most, and begins no further one above so many characters: nobody else is served meanwhile. */
const MOST = 32;
const FULL_AT = 64 * 1024;

type Arguments = readonly ScriptArgument[];

interface Waiting {
  readonly args: Arguments;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A script that runs another one over and over. KEYS and, behind their number, the first arguments are those of the first run; of each further
 * one follow how many of its keys and arguments differ from these, and each of them behind its place. Replies what each run has replied, or its error.
 */
function repeated(lua: string): string {
  return `
local function one(KEYS, ARGV)
${lua}
end
local keys, count, last = #KEYS, tonumber(ARGV[1]), #ARGV
local replies = {}
local function run(own_keys, own_args)
  local ran, reply = pcall(one, own_keys, own_args)
  if not ran then reply = { err = type(reply) == 'table' and reply.err or tostring(reply) } end
  if reply == nil then reply = false end
  replies[#replies + 1] = reply
end
local first = {}
for i = 1, count do first[i] = ARGV[i + 1] end
run(KEYS, first)
local at = count + 2
while at <= last do
  local own_keys, own_args = {}, {}
  for i = 1, keys do own_keys[i] = KEYS[i] end
  for i = 1, count do own_args[i] = first[i] end
  local behind = at + 1 + 2 * tonumber(ARGV[at])
  for i = at + 1, behind - 1, 2 do
    local place = tonumber(ARGV[i])
    if place <= keys then own_keys[place] = ARGV[i + 1] else own_args[place - keys] = ARGV[i + 1] end
  end
  run(own_keys, own_args)
  at = behind
end
return replies`;
}

/**
 * Calls of one script, with as many arguments each, of which those made in one tick go to the server together, in their order: one command
 * instead of many, of which most bytes are the same (docs/decisions/0003-redis-writes.md). One that fails rejects alone. A call by itself
 * goes as it is.
 */
export class ScriptBatch {
  readonly #client: Redis;
  readonly #keys: number;
  readonly #alone: ScriptCalls;
  readonly #together: RedisScript;
  #waiting: Waiting[] = [];
  #characters = 0;

  constructor(client: Redis, script: Script & { readonly lua: string }) {
    this.#client = client;
    this.#keys = script.numberOfKeys;
    this.#alone = new ScriptCalls(script);
    this.#together = new RedisScript(repeated(script.lua), script.numberOfKeys);
  }

  /** Rejects with the server's error, NOSCRIPT among them; arguments are in no error. */
  send(args: Arguments): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ args, resolve, reject });
      // After what the tick before has settled: its promises make further calls.
      if (this.#waiting.length === 1) process.nextTick(() => this.#flush());
      for (const arg of args) if (typeof arg === 'string' || Buffer.isBuffer(arg)) this.#characters += arg.length;
      if (this.#waiting.length === MOST || this.#characters >= FULL_AT) this.#flush();
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#characters = 0;
    const [first, ...rest] = waiting;
    if (first === undefined) return;
    if (rest.length > 0) void this.#sendTogether(waiting, this.#merge(first.args, rest));
    else this.#sendAlone(first);
  }

  #sendAlone({ args, resolve, reject }: Waiting): void {
    this.#alone.send(this.#client, args).then(resolve, reject);
  }

  async #sendTogether(waiting: readonly Waiting[], merged: Arguments): Promise<void> {
    try {
      const replies = (await this.#together.run(this.#client, merged)) as readonly unknown[];
      for (const [i, one] of waiting.entries()) {
        const reply = replies[i];
        if (!(reply instanceof Error)) one.resolve(reply);
        // A refusal has done nothing. Its client looks for them in replies of their own only, and may find another server.
        else if (isRefusal(reply)) this.#sendAlone(one);
        else one.reject(reply);
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  #merge(first: Arguments, rest: readonly Waiting[]): Arguments {
    const merged = [...first.slice(0, this.#keys), first.length - this.#keys, ...first.slice(this.#keys)];
    for (const { args } of rest) {
      const count = merged.push(0) - 1;
      for (const [i, arg] of args.entries()) if (!isSame(first[i], arg)) merged.push(i + 1, arg);
      merged[count] = (merged.length - count - 1) / 2;
    }
    return merged;
  }
}

function isSame(a: ScriptArgument, b: ScriptArgument): boolean {
  return a === b || (Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b));
}
