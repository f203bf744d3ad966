import { RedisQueueBackend } from 'bullmq';
import type { Redis } from 'ioredis';
import { ScriptCalls, type Script, type ScriptArgument } from './script-call.ts';

/** The scripts that every job goes through; their arguments are flat. */
const HOT = new Set(['addStandardJob', 'addDelayedJob', 'addPrioritizedJob', 'moveToActive', 'moveToFinished']);

type Exec = RedisQueueBackend['execCommand'];

/** BullMQ's Redis backend, which writes the calls of the hot scripts in one piece. */
export class LeanRedisBackend extends RedisQueueBackend {
  readonly #client: Redis;
  readonly #calls = new Map<string, ScriptCalls>();

  constructor(client: Redis, ...backend: ConstructorParameters<typeof RedisQueueBackend>) {
    super(...backend);
    this.#client = client;
  }

  override execCommand(...[client, name, args]: Parameters<Exec>): ReturnType<Exec> {
    const calls = isPipeline(client) ? undefined : this.#callsOf(name);
    if (calls === undefined) return super.execCommand(client, name, args);
    return calls.send(this.#client, args as ScriptArgument[]).catch((error: unknown) => {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      // A server that does not have the script yet (or any more): ioredis sends its text.
      return super.execCommand(client, name, args) as unknown;
    });
  }

  #callsOf(name: string): ScriptCalls | undefined {
    const known = this.#calls.get(name);
    if (known !== undefined) return known;
    if (!HOT.has(name)) return undefined;
    const script = (this.#client.scriptsSet as Readonly<Record<string, Script>>)[`${name}:${this.version}`];
    if (script === undefined) return undefined;
    const calls = new ScriptCalls(script);
    this.#calls.set(name, calls);
    return calls;
  }
}

function isPipeline(client: object): boolean {
  return 'isPipeline' in client && client.isPipeline === true;
}
