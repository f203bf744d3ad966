import { Command, type Redis } from 'ioredis';

type Plain = string | number | null | undefined;
export type ScriptArgument = Plain | Buffer;

/** What ioredis keeps of a Lua script after `defineCommand`. */
export interface Script {
  readonly sha: string;
  readonly numberOfKeys: number;
}

/**
 * One script as one queue calls it over and over: the command and the keys that stay the same from call to call are kept
 * as bytes. ioredis takes a call of 23 arguments apart and together again several times, a sixth of a no-op job's CPU
 * time (docs/decisions/0003-redis-writes.md).
 */
export class ScriptCalls {
  readonly #script: Script;
  /** Leading arguments that every call so far had in common, and the call up to there in RESP. */
  #common: readonly Plain[] = [];
  #head: Buffer = Buffer.alloc(0);
  #count = -1;

  constructor(script: Script) {
    this.#script = script;
  }

  /** Sends one call. Rejects with the server's error, NOSCRIPT among them; arguments are in no error. */
  send(client: Redis, args: readonly ScriptArgument[]): Promise<unknown> {
    const command = new ScriptCall(this.encode(args));
    void client.sendCommand(command);
    return command.promise as Promise<unknown>;
  }

  /** The call in RESP. Values are written as ioredis writes them: null and undefined are empty. */
  encode(args: readonly ScriptArgument[]): Buffer {
    if (!this.#fits(args)) this.#learn(args);
    const parts: (string | Buffer)[] = [];
    let text = '';
    let bytes = this.#head.length;
    for (let i = this.#common.length; i < args.length; i += 1) {
      const arg = args[i];
      if (Buffer.isBuffer(arg)) {
        parts.push(`${text}$${arg.length}\r\n`, arg);
        bytes += arg.length;
        text = '\r\n';
      } else {
        const value = toText(arg);
        const length = Buffer.byteLength(value);
        text += `$${length}\r\n${value}\r\n`;
        bytes += length - value.length;
      }
    }
    parts.push(text);
    for (const part of parts) if (typeof part === 'string') bytes += part.length;
    return this.#join(parts, bytes);
  }

  #join(parts: readonly (string | Buffer)[], bytes: number): Buffer {
    const out = Buffer.allocUnsafe(bytes);
    out.set(this.#head, 0);
    let offset = this.#head.length;
    for (const part of parts) {
      if (typeof part === 'string') offset += out.write(part, offset);
      else {
        out.set(part, offset);
        offset += part.length;
      }
    }
    return out;
  }

  #fits(args: readonly ScriptArgument[]): boolean {
    return args.length === this.#count && this.#common.every((arg, i) => args[i] === arg);
  }

  #learn(args: readonly ScriptArgument[]): void {
    const { sha, numberOfKeys } = this.#script;
    const known = args.length === this.#count ? this.#common : args.slice(0, numberOfKeys);
    const common: Plain[] = [];
    for (const [i, arg] of known.entries()) {
      if (Buffer.isBuffer(arg) || args[i] !== arg) break;
      common.push(arg);
    }
    this.#common = common;
    this.#count = args.length;
    this.#head = Buffer.from(
      `*${args.length + 3}\r\n${['evalsha', sha, numberOfKeys, ...this.#common].map((arg) => bulk(toText(arg))).join('')}`,
    );
  }
}

/** It holds bytes and not the arguments: collections find a command, and all that it holds, alive for longer than it is (docs/decisions/0026-collections.md). */
class ScriptCall extends Command {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super('evalsha', [], { replyEncoding: 'utf8' });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

function toText(arg: Plain): string {
  return arg === null || arg === undefined ? '' : String(arg);
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
