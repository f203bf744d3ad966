import { QueueKeys, RedisConnection, RedisQueueBackend, type BackendFactory } from 'bullmq';
import type { Redis } from 'ioredis';
import { FollowUpRefused, followUpOf, type FollowUp } from './follow-up.ts';
import { RedisActiveJobs } from './redis-active-jobs.ts';
import { RedisFollowUp, REFUSED } from './redis-follow-up.ts';
import { isRefusal } from './refusal.ts';
import { ScriptCalls, type Script, type ScriptArgument } from './script-call.ts';

/** The scripts that every job goes through; their arguments are flat. */
const HOT = new Set(['addStandardJob', 'addDelayedJob', 'addPrioritizedJob', 'moveToActive', 'moveToFinished']);

/**
 * What BullMQ's worker takes for a lost connection: it repeats the end of a job until the server has it. To any other
 * error it answers by ending the job as failed, whatever its handler did.
 */
const REPEATED = { code: 'ECONNREFUSED' } as const;

type Exec = RedisQueueBackend['execCommand'];
type LoadedScript = Script & { readonly lua: string };

/** BullMQ's Redis backend, which writes the calls of the hot scripts in one piece. */
export class LeanRedisBackend extends RedisQueueBackend {
  /** Every connection that this backend uses. */
  readonly clients: readonly Redis[];
  readonly #client: Redis;
  readonly #calls = new Map<string, ScriptCalls>();
  /** Of calls of moveToFinished, by their arguments. */
  readonly #flows = new WeakMap<object, FollowUp>();
  readonly #prefix: string;
  #followUp: RedisFollowUp | undefined;

  constructor(
    { clients, prefix }: { readonly clients: readonly [Redis, ...Redis[]]; readonly prefix: string },
    ...backend: ConstructorParameters<typeof RedisQueueBackend>
  ) {
    super(...backend);
    this.#prefix = prefix;
    this.clients = clients;
    this.#client = clients[0];
  }

  override execCommand(...[client, name, args]: Parameters<Exec>): ReturnType<Exec> {
    const flow = name === 'moveToFinished' ? this.#flows.get(args) : undefined;
    if (flow !== undefined) return this.#finish(args as ScriptArgument[], flow);
    const calls = isPipeline(client) ? undefined : this.#callsOf(name);
    if (calls === undefined) return super.execCommand(client, name, args);
    return calls.send(this.#client, args as ScriptArgument[]).catch(async (error: unknown) => {
      let refusal = error;
      try {
        // A server that does not have the script yet (or any more): ioredis sends its text.
        if (isUnknownScript(error)) return (await super.execCommand(client, name, args)) as unknown;
      } catch (again) {
        refusal = again;
      }
      throw name === 'moveToFinished' && isRefusal(refusal) ? Object.assign(refusal, REPEATED) : refusal;
    });
  }

  override moveToCompletedArgs(
    ...args: Parameters<RedisQueueBackend['moveToCompletedArgs']>
  ): ReturnType<RedisQueueBackend['moveToCompletedArgs']> {
    const [job] = args;
    const flow = followUpOf(job);
    const finishing = super.moveToCompletedArgs(...args);
    if (flow !== undefined) this.#flows.set(finishing, flow);
    return finishing;
  }

  /** @throws FollowUpRefused */
  async #finish(args: readonly ScriptArgument[], flow: FollowUp): Promise<unknown> {
    this.#followUp ??= new RedisFollowUp(this.#scriptOf('moveToFinished')?.lua ?? '');
    let result: unknown;
    try {
      result = await this.#followUp.finish(this.#client, args, flow, this.#prefix);
    } catch (error) {
      throw isRefusal(error) ? Object.assign(error, REPEATED) : error;
    }
    if (result === REFUSED) throw new FollowUpRefused();
    return result;
  }

  activeJobs(): RedisActiveJobs {
    return new RedisActiveJobs({
      client: this.#client,
      toKey: (type) => this.toKey(type),
      moveToWait: () => this.#scriptOf('moveJobFromActiveToWait'),
    });
  }

  #scriptOf(name: string): LoadedScript | undefined {
    return (this.#client.scriptsSet as Readonly<Record<string, LoadedScript>>)[`${name}:${this.version}`];
  }

  #callsOf(name: string): ScriptCalls | undefined {
    const known = this.#calls.get(name);
    if (known !== undefined) return known;
    if (!HOT.has(name)) return undefined;
    const script = this.#scriptOf(name);
    if (script === undefined) return undefined;
    const calls = new ScriptCalls(script);
    this.#calls.set(name, calls);
    return calls;
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

function isPipeline(client: object): boolean {
  return 'isPipeline' in client && client.isPipeline === true;
}

/**
 * BullMQ asks the server for its version on every connection and warns on the console; the start-up check has asked once.
 * The version decides how short BullMQ's blocking reads may be.
 */
function quietConnections(version: () => string): typeof RedisConnection {
  class QuietConnection extends RedisConnection {}
  Object.defineProperty(QuietConnection.prototype, 'getRedisVersionAndType', {
    value: () => Promise.resolve({ version: version(), databaseType: 'redis' }),
  });
  return QuietConnection;
}

export interface BackendOptions {
  readonly prefix: string;
  /** The server's. */
  readonly version: () => string;
  /** Makes a connection of this name, for the blocking reads of one worker. */
  readonly connect: (name: string) => Redis;
}

export function createBackendFactory({ prefix, version, connect }: BackendOptions): BackendFactory<LeanRedisBackend> {
  const Connection = quietConnections(version);
  return (name, opts, { withBlockingConnection = false } = {}) => {
    const client = opts.connection as Redis;
    const keys = new QueueKeys(prefix);
    const connection = new Connection(client, { shared: true, blocking: false });
    // BullMQ's name for it, by which `queue.getWorkers()` finds workers.
    const reader = withBlockingConnection ? connect(`${prefix}:${Buffer.from(name).toString('base64')}`) : undefined;
    const blocking = reader && new Connection(reader, { shared: false, blocking: true });
    const clients = [client, ...(reader === undefined ? [] : [reader])] as const;
    return new LeanRedisBackend(
      { clients, prefix },
      connection,
      name,
      keys.getKeys(name),
      (type) => keys.toKey(name, type),
      opts,
      blocking,
    );
  };
}
