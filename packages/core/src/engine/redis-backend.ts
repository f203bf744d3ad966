import { setImmediate as turn } from 'node:timers/promises';
import { QueueKeys, RedisConnection, RedisQueueBackend, type BackendFactory, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { FollowUpRefused, followUpOf, type FollowUp } from './follow-up.ts';
import { RedisActiveJobs } from './redis-active-jobs.ts';
import { replyToOf } from './job-json.ts';
import { Completions } from './redis-completion.ts';
import { RedisFollowUp, REFUSED } from './redis-follow-up.ts';
import { LastJob, tellingLast } from './redis-last-job.ts';
import type { ReplyChannels } from './redis-replies.ts';
import { RedisToldEnd } from './redis-told-end.ts';
import { isRefusal } from './refusal.ts';
import { ScriptBatch } from './script-batch.ts';
import { ScriptCalls, type Script, type ScriptArgument } from './script-call.ts';
import { ThinnedRetention } from './thinned-retention.ts';

/** The scripts that every job goes through; their arguments are flat. */
const HOT = new Set(['addStandardJob', 'addDelayedJob', 'addPrioritizedJob', 'moveToActive', 'moveToFinished']);
/** Of these, the calls of one tick go to the server together. Ends go one by one: the server works while the next is made. */
const TOGETHER = new Set(['addStandardJob', 'addDelayedJob', 'addPrioritizedJob']);

/** What these scripts do beside what BullMQ has them do. */
const ADDED: ReadonlyMap<string, (lua: string) => string> = new Map([
  ['moveToActive', (lua) => tellingLast(lua, 11)],
  ['moveToFinished', (lua) => tellingLast(lua, 14)],
]);

/** Finished jobs that are removed at once: 5 to 8 µs each, in which the server does nothing else, and somebody's result waits. */
const MOST_REMOVED = 10;

/**
 * What BullMQ's worker takes for a lost connection: it repeats the end of a job until the server has it. To any other
 * error it answers by ending the job as failed, whatever its handler did.
 */
const REPEATED = { code: 'ECONNREFUSED' } as const;

type Exec = RedisQueueBackend['execCommand'];
type Completed = Parameters<RedisQueueBackend['moveToCompletedArgs']>;
type Failed = Parameters<RedisQueueBackend['moveToFailedArgs']>;
type LoadedScript = Script & { readonly lua: string };
type Send = (args: readonly ScriptArgument[]) => Promise<unknown>;

/** Those that do so already. Lanes share a client, and its scripts. */
const withAdded = new WeakSet<LoadedScript>();

interface LeanOptions {
  readonly clients: readonly [Redis, ...Redis[]];
  readonly prefix: string;
  readonly channels: () => ReplyChannels | undefined;
}

/** BullMQ's Redis backend, which writes the calls of the hot scripts in one piece. */
export class LeanRedisBackend extends RedisQueueBackend {
  /** Every connection that this backend uses. */
  readonly clients: readonly Redis[];
  readonly #client: Redis;
  readonly #calls = new Map<string, Send>();
  /** Of calls of moveToFinished, by their arguments. */
  readonly #flows = new WeakMap<object, FollowUp>();
  /** Of calls of moveToFinished whose end is to be told, by their arguments. */
  readonly #replies = new WeakMap<object, string>();
  readonly #prefix: string;
  readonly #channels: () => ReplyChannels | undefined;
  readonly #completedRetention = new ThinnedRetention(MOST_REMOVED);
  readonly #failedRetention = new ThinnedRetention(MOST_REMOVED);
  readonly #completions = new Completions(
    ({ job, value, remove, token, timestamp, fetchNext }) =>
      this.moveToFinishedArgs(job, value, 'returnvalue', remove, 'completed', token, timestamp, fetchNext),
    (id) => this.toKey(id),
  );
  readonly #last = new LastJob();
  #followUp: RedisFollowUp | undefined;
  #toldEnd: RedisToldEnd | undefined;
  /** The client, once BullMQ has given it its scripts. */
  #loaded: Parameters<RedisQueueBackend['addJobToTransaction']>[0] | undefined;

  constructor({ clients, prefix, channels }: LeanOptions, ...backend: ConstructorParameters<typeof RedisQueueBackend>) {
    super(...backend);
    this.#prefix = prefix;
    this.#channels = channels;
    this.clients = clients;
    this.#client = clients[0];
  }

  /** As BullMQ does it, which waits at every job for the connection that it was given. */
  override async addJob(...add: Parameters<RedisQueueBackend['addJob']>): Promise<string> {
    this.#loaded ??= await this['queue'].client;
    return this.addJobToTransaction(this.#loaded, ...add);
  }

  override execCommand(...[client, name, args]: Parameters<Exec>): ReturnType<Exec> {
    const end = name === 'moveToFinished' ? this.#endOf(args as ScriptArgument[]) : undefined;
    if (end !== undefined) return this.#finish(end);
    const send = isPipeline(client) ? undefined : this.#sendOf(name);
    if (send === undefined) return super.execCommand(client, name, args);
    const sent = send(args as ScriptArgument[]);
    return (ADDED.has(name) ? sent.then(this.#last.hear) : sent).catch(async (error: unknown) => {
      let refusal = error;
      try {
        // A server that does not have the script yet (or any more): ioredis sends its text.
        if (isUnknownScript(error)) return this.#last.hear(await super.execCommand(client, name, args));
      } catch (again) {
        refusal = again;
      }
      throw name === 'moveToFinished' && isRefusal(refusal) ? Object.assign(refusal, REPEATED) : refusal;
    });
  }

  override moveToCompletedArgs(
    ...[job, value, remove, token, fetchNext = true]: Completed
  ): ReturnType<RedisQueueBackend['moveToCompletedArgs']> {
    const finishing = this.#completions.of({
      job,
      value: value as string | undefined,
      remove: this.#completedRetention.due(remove ?? this.#workerOptions.removeOnComplete),
      token,
      timestamp: Date.now(),
      fetchNext: fetchNext && !this['queue'].closing,
    });
    const flow = followUpOf(job);
    if (flow !== undefined) this.#flows.set(finishing, flow);
    return this.#told(job, finishing);
  }

  override moveToFailedArgs(...[job, reason, remove, ...rest]: Failed): ReturnType<RedisQueueBackend['moveToFailedArgs']> {
    const finishing = super.moveToFailedArgs(job, reason, this.#failedRetention.due(remove ?? this.#workerOptions.removeOnFail), ...rest);
    return this.#told(job, finishing);
  }

  #told<Arguments extends object>(job: Completed[0], finishing: Arguments): Arguments {
    const replyTo = replyToOf(job);
    if (replyTo !== undefined) this.#replies.set(finishing, replyTo);
    return finishing;
  }

  /** Undefined for an end that is an end and nothing more. */
  #endOf(args: readonly ScriptArgument[]): (() => Promise<unknown>) | undefined {
    const lua = (): string => this.#scriptOf('moveToFinished')?.lua ?? '';
    const flow = this.#flows.get(args);
    if (flow !== undefined) {
      this.#followUp ??= new RedisFollowUp(lua());
      const followUp = this.#followUp;
      return () => followUp.finish(this.#client, args, flow, this.#prefix);
    }
    const replyTo = this.#replies.get(args);
    const channels = replyTo === undefined ? undefined : this.#channels();
    if (replyTo === undefined || channels === undefined) return undefined;
    this.#toldEnd ??= new RedisToldEnd(lua(), channels);
    const toldEnd = this.#toldEnd;
    return () => toldEnd.finish(this.#client, args, replyTo);
  }

  /** @throws FollowUpRefused */
  async #finish(end: () => Promise<unknown>): Promise<unknown> {
    let result: unknown;
    try {
      result = await end();
    } catch (error) {
      throw isRefusal(error) ? Object.assign(error, REPEATED) : error;
    }
    if (result === REFUSED) throw new FollowUpRefused();
    return this.#last.hear(result);
  }

  /** True once for the job that was brought last, when nothing was left to fetch then. */
  wasLast(id: string): boolean {
    return this.#last.was(id);
  }

  /** A wait begins when a job was the last one: the end of a short job goes to the server before it. */
  override async waitForJob(blockTimeout: number): ReturnType<RedisQueueBackend['waitForJob']> {
    await turn();
    return super.waitForJob(blockTimeout);
  }

  activeJobs(): RedisActiveJobs {
    return new RedisActiveJobs({
      client: this.#client,
      toKey: (type) => this.toKey(type),
      moveToWait: () => this.#scriptOf('moveJobFromActiveToWait'),
    });
  }

  #scriptOf(name: string): LoadedScript | undefined {
    const scripts = this.#client.scriptsSet as Readonly<Record<string, LoadedScript>>;
    const command = `${name}:${this.version}`;
    const [script, add] = [scripts[command], ADDED.get(name)];
    if (script === undefined || add === undefined || withAdded.has(script)) return script;
    this.#client.defineCommand(command, { lua: add(script.lua), numberOfKeys: script.numberOfKeys });
    const changed = scripts[command];
    if (changed !== undefined) withAdded.add(changed);
    return changed;
  }

  #sendOf(name: string): Send | undefined {
    const known = this.#calls.get(name);
    if (known !== undefined) return known;
    if (!HOT.has(name)) return undefined;
    const script = this.#scriptOf(name);
    if (script === undefined) return undefined;
    const send = this.#sends(script, TOGETHER.has(name));
    this.#calls.set(name, send);
    return send;
  }

  #sends(script: LoadedScript, together: boolean): Send {
    if (together) {
      const batch = new ScriptBatch(this.#client, script);
      return (args) => batch.send(args);
    }
    const calls = new ScriptCalls(script);
    return (args) => calls.send(this.#client, args);
  }

  get #workerOptions(): WorkerOptions {
    return this['queue'].opts as unknown as WorkerOptions;
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
  /** Where ends of jobs are told; undefined: nowhere. */
  readonly channels: () => ReplyChannels | undefined;
}

export function createBackendFactory({ prefix, version, connect, channels }: BackendOptions): BackendFactory<LeanRedisBackend> {
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
      { clients, prefix, channels },
      connection,
      name,
      keys.getKeys(name),
      (type) => keys.toKey(name, type),
      opts,
      blocking,
    );
  };
}
