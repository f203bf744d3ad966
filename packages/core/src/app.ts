import { setMaxListeners } from 'node:events';
import type { AnySignature, EnqueueArguments, GivenBy, TakenBy } from './canvas/fit.ts';
import type { RunHandle } from './canvas/run-handle.ts';
import { adopted, type Signature } from './canvas/signature.ts';
import type { RunOptions } from './canvas/tree.ts';
import { choresOf } from './chores.ts';
import { Background, type BackgroundCall, type BackgroundCallOptions } from './client/background.ts';
import { resolveAppOptions, type AppOptions, type AppSettings } from './app-options.ts';
import { wire, type Wiring } from './app-wiring.ts';
import { DeadLetters } from './client/dead-letters.ts';
import type { Fleet } from './client/fleet.ts';
import { JobHandle } from './client/handle.ts';
import { Run } from './client/run.ts';
import { Contract, Task } from './client/task.ts';
import { runTransaction } from './client/transaction.ts';
import type { DeclareTask, Preset } from './declare-task.ts';
import type { BullQueue, Engine, EngineFacts, Transaction } from './engine/engine.ts';
import { createEngine } from './engine/open.ts';
import { EvictionWatch } from './eviction-watch.ts';
import { OxbowError } from './errors.ts';
import { insideChild } from './isolation/inside.ts';
import { noEngine } from './isolation/no-engine.ts';
import { createLogger, createRedact, ThrottledLog, type Logger } from './log.ts';
import type { AnyWorker, AppPhase, Operation } from './operation.ts';
import { takeLock, takePlace, type HeldLock, type HoldOptions, type LockSource } from './policies/app-lock.ts';
import { knownQueues, readQueues, type ReadingSource } from './queue-readings.ts';
import { LastChance } from './policies/crash-limit.ts';
import type { Policy } from './policies/policy.ts';
import { createStores, type Stores } from './store/stores.ts';
import { Strictness } from './strictness.ts';
import { SignalBus, type SignalListener, type SignalName } from './signals.ts';
import { assertPolicy, defineTask, type TaskPolicies } from './task-options.ts';
import { TaskRegistry } from './task-registry.ts';
import type { TaskDefinition } from './task/definition.ts';
import { parsePublicId } from './task/id.ts';
import { assertName } from './task/name.ts';
import { Leader } from './worker/leader.ts';
import { engineRetention } from './worker/retention.ts';
import { BULLMQ_VERSION, VERSION } from './version.ts';
import { resolveWorkerOptions, type WorkerArguments } from './worker/settings.ts';
import { Worker } from './worker/worker.ts';

/**
 * Everything of one application: its tasks, its engine, its workers in this process.
 *
 * @typeParam Deps - what workers' `startup` makes and handlers get as `ctx.deps`.
 * @typeParam Extra - task options of the policies in use.
 */
export class App<Deps = unknown, Extra extends object = object> {
  readonly name: string;
  /** Declares a task. */
  readonly task: DeclareTask<Deps, Extra>;
  readonly log: Logger;
  readonly #settings: AppSettings;
  readonly #engine: Engine;
  readonly #stores: Stores;
  readonly #signals: SignalBus;
  readonly #policies: Policy[] = [];
  readonly #tasks: TaskRegistry;
  readonly #wiring: Wiring;
  readonly #closed = new AbortController();
  readonly #workers = new Set<Worker<Deps>>();
  readonly #leader: Leader;
  #deadLetters: DeadLetters | undefined;
  readonly #background: Background;
  readonly #eviction: EvictionWatch;
  readonly #strictness: Strictness;
  #facts: EngineFacts | undefined;
  #phase: AppPhase = 'open';
  #closing: Promise<void> | undefined;

  constructor(options: AppOptions) {
    this.#settings = resolveAppOptions(options);
    setMaxListeners(0, this.#closed.signal);
    this.name = this.#settings.name;
    this.log =
      options.logger ??
      createLogger(this.name, { ...(options.logLevel === undefined ? {} : { level: options.logLevel }), redact: options.redact ?? [] });
    this.#engine = openEngine(this.#settings, this.log, (facts) => {
      this.#eviction.opened(facts.evictionPolicy);
      this.#facts = facts;
      this.#strictness.started();
    });
    this.#stores = createStores(this.#engine.storeServer);
    this.#eviction = new EvictionWatch(this.#engine, this.#settings.evictionPolicy, this.log);
    this.#signals = new SignalBus(this.log);
    this.#background = new Background(this.#settings.background, this.#signals, this.log);
    this.#strictness = new Strictness(this.#settings.strict, this.log);
    this.#signals.on('worker:ready', () => this.#strictness.started());
    this.#tasks = new TaskRegistry(this.name, this.#strictness);
    const chores = choresOf({
      settings: this.#settings,
      engine: this.#engine,
      stores: this.#stores,
      log: this.log,
      tasks: () => this.#tasks.all,
    });
    this.#leader = new Leader({ engine: this.#engine, leases: this.#stores.leases, log: this.log, chores });
    this.#wiring = wire({
      settings: this.#settings,
      engine: this.#engine,
      stores: this.#stores,
      signals: this.#signals,
      policies: this.#policies,
      tasks: this.#tasks,
      closed: this.#closed.signal,
    });
    this.task = this.#declare({});
  }

  /**
   * Shared options for a family of tasks.
   * @throws OxbowError `invalid_options`
   */
  preset(policies: TaskPolicies<never, Deps> & Partial<Extra>): Preset<Deps, Partial<Extra> & object> {
    defineTask('preset', policies, {}, this.#policies);
    return { task: this.#declare(policies) as DeclareTask<Deps, Partial<Extra> & object> };
  }

  /**
   * Installs a policy of yours around the enqueues and attempts of every task; call it before tasks are declared.
   * @throws OxbowError `invalid_options` when tasks are declared already, or another policy has the name or an option.
   */
  use<Options extends object>(policy: Policy<Options>): App<Deps, Extra & Partial<Options>> {
    assertPolicy(policy, this.#policies);
    if (!this.#tasks.isEmpty)
      throw new OxbowError('invalid_options', `app.use("${policy.name}") must come before the first task: it owns task options.`);
    policy.install?.({ name: this.name, queues: this.#settings.queues });
    this.#policies.push(policy as Policy);
    return this as unknown as App<Deps, Extra & Partial<Options>>;
  }

  /**
   * A worker in this process; `.start()` or `.run()` it. Policies and tasks declared later count too.
   * @throws OxbowError `invalid_options`, `unknown_task`, `invalid_name`, `closed`
   */
  worker(...[options = {}]: WorkerArguments<Deps>): Worker<Deps> {
    this.#assertOpen();
    const settings = resolveWorkerOptions(options, this.#tasks.implemented);
    const { limits, maxResultBytes, maxCrashes, unknownTaskGraceMs } = this.#settings;
    const execution = {
      app: this.name,
      log: this.log,
      limits,
      maxResultBytes,
      maxCrashes,
      lastChance: new LastChance(),
      unknownTaskGraceMs,
      task: (name: string) => this.#tasks.get(name),
      canvas: this.#wiring.runtime,
      stores: this.#stores,
      deadLetters: this.#settings.deadLetters,
    };
    const worker = new Worker<Deps>(
      {
        app: this.name,
        engine: this.#engine,
        signals: this.#signals,
        log: this.log,
        policies: this.#policies,
        retention: (queue) => engineRetention(this.#settings, this.#tasks.all, queue),
        execution,
        leader: this.#leader,
        fleet: { leaseMs: this.#settings.leaseMs, tasks: () => this.#tasks.implemented.keys() },
        idle: insideChild() !== undefined,
        settleBackground: () => this.#background.settled(),
        closeApp: () => this.close(),
      },
      options,
      settings,
    );
    this.#workers.add(worker);
    return worker;
  }

  /**
   * Runs quick work in this process, soon, and does not wait for it: what a web process would else leave to a promise that nobody awaits. So many
   * calls run at a time and wait (`createApp({ background })`), `close()` and the drain of a worker wait for them, and errors are logged. Nothing is
   * stored: what is lost with the process is lost. Work that matters, or takes more than a second, is a task.
   * @throws OxbowError `background_full`, `closed`, `invalid_options`; `isolated` in an isolated task
   */
  background(fn: (call: BackgroundCall) => unknown, options?: BackgroundCallOptions): void {
    if (insideChild() !== undefined)
      throw new OxbowError('isolated', 'app.background() is not there in an isolated task, whose process ends without waiting for it.');
    this.#background.run(fn, options);
  }

  /** A job by its public id, from any process. @throws OxbowError `unknown_job` when the id has not the right form. */
  handle<Result = unknown>(id: string): JobHandle<Result> {
    const { jobId, queue } = parsePublicId(id);
    return new JobHandle<Result>(this.#wiring.handles, queue, jobId);
  }

  /**
   * Enqueues a signature; one without any task, too, which belongs to no app: `signature.enqueue` does all others.
   * @throws as `signature.enqueue`; InvalidCanvasError for the signature of another app
   */
  async enqueue<Given extends AnySignature>(
    signature: Given,
    ...args: EnqueueArguments<TakenBy<Given>, [options?: RunOptions]>
  ): Promise<RunHandle<GivenBy<Given>>> {
    const own = adopted(signature, this.#wiring.canvas);
    const enqueue = own.enqueue.bind(own) as (...given: readonly unknown[]) => Promise<unknown>;
    return (await enqueue(...args)) as RunHandle<GivenBy<Given>>;
  }

  /**
   * Runs `work` in a transaction of the engine's database, on Postgres and embedded: what is enqueued with its `tx`, and what its
   * `tx.query` writes, is there when this has resolved, and gone when it rejects. It takes one connection of the app, which embedded
   * is the only one: until it ends, all else there waits. Keep it short. What does not take the `tx` is refused inside.
   * @throws what `work` rejects with, after the rollback; the database's own error when it refuses the commit (a serialization
   * failure is not tried again); OxbowError `transaction_unsupported` on Redis, `invalid_transaction`; EngineUnavailableError
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return runTransaction(this.#engine, work);
  }

  /**
   * The signature that was written down with `JSON.stringify`: its text, or what JSON.parse made of it.
   * @throws InvalidCanvasError with the path of what is wrong, and for a task that this app does not have
   */
  signature<In = unknown, Out = unknown>(json: unknown): Signature<In, Out> {
    return this.#wiring.signature<In, Out>(json);
  }

  /** A run by its public id, from any process. @throws OxbowError `unknown_job` when the id has not the right form. */
  run<Out = unknown>(id: string): RunHandle<Out> {
    const { jobId, queue } = parsePublicId(id);
    return new Run<Out>(this.#wiring.handles, { queue, id: jobId });
  }

  /** The jobs that have finally failed. */
  get deadLetters(): DeadLetters {
    this.#deadLetters ??= new DeadLetters({
      engine: this.#engine,
      store: this.#stores.deadLetters,
      limits: this.#settings.limits,
      task: (name) => this.#tasks.get(name),
      handles: this.#wiring.handles,
      signals: this.#signals,
      redact: createRedact(this.#settings.redact),
    });
    return this.#deadLetters;
  }

  /**
   * The lock `key` of this app, the same one that jobs with the task option `lock` take. `await using` releases it.
   * @throws LockTakenError when it did not become free within `wait`; OxbowError `invalid_options`, `invalid_key`, `closed`;
   * EngineUnavailableError; the reason of `signal`
   */
  async lock(key: string, options?: HoldOptions): Promise<HeldLock> {
    return takeLock(this.#locks, key, options);
  }

  /** One of `places` of the semaphore `key` of this app. Who uses the same key should give the same number. @throws as `lock` */
  async semaphore(key: string, places: number, options?: HoldOptions): Promise<HeldLock> {
    return takePlace(this.#locks, key, places, options);
  }

  /** The running workers of the app, in all processes: to see them, and to tell them what to do. */
  get fleet(): Fleet {
    return this.#wiring.fleet;
  }

  /** The BullMQ Queue, for whatever Oxbow does not wrap. The app closes it. @throws OxbowError `invalid_name` */
  queue(name: string): BullQueue {
    assertName('queue', name);
    this.#assertOpen();
    return this.#engine.queue(name);
  }

  /** Listens to what happens in this process; returns the function that stops it. @throws OxbowError `invalid_options` */
  on<Name extends SignalName>(name: Name, listener: SignalListener<Name>): () => void {
    return this.#signals.on(name, listener);
  }

  /**
   * Connects and checks the engine now instead of at the first use.
   * @throws EngineUnavailableError, OxbowError `engine_unsupported`, `engine_in_use`, `missing_dependency`
   */
  async ready(): Promise<void> {
    await this.#engine.open();
  }

  /** @internal What `@oxbow/core/operate` shows. */
  get operation(): Operation {
    const { kind, label } = this.#engine;
    return {
      app: this.name,
      isolated: insideChild() !== undefined,
      engine: () => {
        const { policy: evictionPolicy = 'unknown', evicts } = this.#eviction;
        const facts = this.#facts && { ...this.#facts, evictionPolicy };
        return { kind, label, connected: this.#engine.connected, facts, evicts };
      },
      background: () => this.#background.state,
      fleet: () => this.fleet.workers(),
      workers: () => [...this.#workers].map((worker) => worker.state),
      worker: (worker) => this.#own(worker).state,
      phase: () => this.#phase,
      probe: async () => {
        await this.#engine.open();
        const startedAt = performance.now();
        await this.#stores.probe.touch();
        return { latencyMs: performance.now() - startedAt };
      },
      readQueues: (queues) => readQueues(this.#readings, queues),
      queues: () => knownQueues(this.#readings),
      tasks: () => this.#tasks.states,
      versions: () => ({ core: VERSION, bullmq: BULLMQ_VERSION }),
      on: (name, listener) => this.on(name, listener),
    };
  }

  /** Drains workers and what `background` runs, ends waits for results (code `closed`), closes connections. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #readings(): ReadingSource {
    return { engine: this.#engine, stores: this.#stores, counts: this.#settings.finishedCounters, tasks: this.#tasks };
  }

  get #locks(): LockSource {
    return { engine: this.#engine, stores: this.#stores, log: this.log, signals: this.#signals, closed: this.#closed.signal };
  }

  #own(worker: AnyWorker): Worker<Deps> {
    const own = [...this.#workers].find((one) => one === worker);
    if (own === undefined)
      throw new OxbowError('invalid_options', `App "${this.name}" has no such worker: give what app.worker() returned.`);
    return own;
  }

  async #close(): Promise<void> {
    this.#phase = 'closing';
    await Promise.all([...this.#workers].map((worker) => worker.drain()));
    // Handlers may have called it until now, and it may enqueue until it has ended.
    await this.#background.close();
    this.#closed.abort(new OxbowError('closed', `App "${this.name}" has been closed.`));
    this.#wiring.handles.watcher.close();
    this.#wiring.handles.toldEnds.close();
    this.#eviction.stop();
    await this.#engine.close();
    this.#phase = 'closed';
    this.#signals.emit('app:closed', { app: this.name });
  }

  #declare(preset: object): DeclareTask<Deps, Extra> {
    const { enqueue, handles } = this.#wiring;
    const define = (name: string, options: object): TaskDefinition => defineTask(name, options, preset, this.#policies);
    const task = (name: string, options: object): unknown => {
      const definition = define(name, options);
      if (definition.handler === undefined)
        throw new OxbowError('invalid_options', `task "${name}": run is missing. A task without a handler is app.task.contract().`);
      return new Task(this.#register(definition), enqueue, handles);
    };
    const contract = (name: string, options: object): unknown => new Contract(this.#register(define(name, options)), enqueue, handles);
    return Object.assign(task, { contract }) as unknown as DeclareTask<Deps, Extra>;
  }

  #register(definition: TaskDefinition): TaskDefinition {
    this.#assertOpen();
    return this.#tasks.add(definition);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new OxbowError('closed', `App "${this.name}" has been closed.`);
  }
}

/**
 * The start of everything. Nothing is connected until the first use.
 *
 * @typeParam Deps - what workers' `startup` makes and handlers get as `ctx.deps`.
 * @throws OxbowError `invalid_options`, `invalid_name`, `invalid_url`, `url_required`
 */
export function createApp<Deps = unknown>(options: AppOptions): App<Deps> {
  return new App<Deps>(options);
}

/** Nothing is connected yet. */
function openEngine(settings: AppSettings, log: Logger, onOpen: (facts: EngineFacts) => void): Engine {
  const { name: app, url, connectTimeoutMs, tls, finishedCounters: counts } = settings;
  if (insideChild() !== undefined) return noEngine();
  const errors = new ThrottledLog(log);
  const onError = (error: Error): void => errors.error(error, 'connection to the engine');
  return createEngine({ app, url, connectTimeoutMs, tls, counts, onOpen, onError });
}
