import { setTimeout as wait } from 'node:timers/promises';
import type { Lane } from '../engine/engine.ts';
import { EngineUnavailableError, LockLostError, OxbowError } from '../errors.ts';
import type { ExecutionSettings } from '../execution/attempt.ts';
import { composePipeline, describePipeline } from '../execution/pipeline.ts';
import { ChildPool } from '../isolation/child-pool.ts';
import { ThrottledLog } from '../log.ts';
import { publicId } from '../task/id.ts';
import { AttemptRunner } from './attempt-runner.ts';
import { CancellationWatch } from './cancellation-watch.ts';
import { Deadlines } from './deadlines.ts';
import { Deferred } from './deferred.ts';
import { ClockWatch } from './engine-watch.ts';
import { FleetMember } from './fleet-member.ts';
import { Holds } from './holds.ts';
import { LaneWatch } from './lane-watch.ts';
import { LoopWatch } from './loop-watch.ts';
import { Overruns } from './overruns.ts';
import { waitForSignals } from './process-signals.ts';
import { Pool } from './pool.ts';
import { Resources } from './resources.ts';
import { RunningJobs } from './running-jobs.ts';
import type { WorkerOptions, WorkerSettings } from './settings.ts';
import { Slots } from './slots.ts';
import type { WorkerSource } from './source.ts';
import type { WorkerPhase, WorkerState } from './state.ts';

export interface Drained {
  /** Public ids of jobs that did not end before the hard deadline; they are back in their queues, or, of `at-most-once` tasks, about to fail. */
  readonly orphans: readonly string[];
}

const RETRY_OPEN_MS = 1000;
const START_FAILED = 2;

/**
 * Runs jobs in this process: new → starting → running → draining → drained. Once drained it does not start again.
 *
 * @typeParam Deps - what `startup` makes and handlers get as `ctx.deps`.
 */
export class Worker<Deps = unknown> {
  readonly #source: WorkerSource;
  readonly #settings: WorkerSettings;
  readonly #resources: Resources<Deps>;
  readonly #slots: Slots;
  readonly #pool: Pool | undefined;
  readonly #running = new RunningJobs();
  readonly #overruns: Overruns;
  readonly #children: ChildPool;
  readonly #errors: ThrottledLog;
  readonly #clock: ClockWatch;
  readonly #holds: Holds;
  readonly #member: FleetMember;
  readonly #loop: LoopWatch;
  readonly #laneWatch: LaneWatch;
  readonly #cancellations: CancellationWatch;
  readonly #stopped = new Deferred<undefined>();
  readonly #deadlines: Deadlines;
  readonly #ended = new Deferred<Drained>();
  #starting: Promise<void> | undefined;
  #draining: Promise<Drained> | undefined;
  #entered = false;
  #ownsProcess = false;
  #endsProcess = false;
  #phase: WorkerPhase = 'new';
  #drainEndsAt: number | undefined;

  /** @internal */
  constructor(source: WorkerSource, options: WorkerOptions<Deps>, settings: WorkerSettings) {
    this.#source = source;
    this.#settings = settings;
    this.#slots = new Slots(settings.queues);
    this.#pool = settings.pool === undefined ? undefined : new Pool(settings.pool, this.#slots);
    this.#resources = new Resources(options, settings, source.log);
    this.#children = new ChildPool(source.app);
    this.#overruns = new Overruns(source.signals, source.log);
    this.#errors = new ThrottledLog(source.log);
    const { softMs, hardMs } = settings;
    this.#deadlines = new Deadlines({ running: this.#running, lanes: () => this.#slots.lanes, softMs, hardMs, errors: this.#errors });
    this.#holds = new Holds(settings.queues.keys());
    this.#clock = new ClockWatch(source.engine, source.signals, source.log, (skewed) =>
      skewed ? this.#holds.hold('clock') : this.#holds.release('clock'),
    );
    this.#loop = new LoopWatch(() => this.#running.turned(), source.signals, source.log);
    this.#laneWatch = new LaneWatch(source.signals, source.log);
    this.#cancellations = new CancellationWatch({
      engine: source.engine,
      cancellations: source.execution.canvas.cancellations,
      running: this.#running,
      log: source.log,
      everyMs: settings.lockDurationMs / 2,
    });
    const { engine, log, fleet, execution } = source;
    const tasks = (): Iterable<string> => settings.tasks ?? fleet.tasks();
    this.#member = new FleetMember({ engine, log, leaseMs: fleet.leaseMs, workers: execution.stores.workers, tasks, worker: this });
  }

  /** `<host>:<pid>:<random>`: its name in `app.fleet`. */
  get id(): string {
    return this.#member.id;
  }

  /** @internal */
  get state(): WorkerState {
    return {
      id: this.id,
      phase: this.#phase,
      queues: Object.fromEntries(this.#slots.queues),
      paused: this.#holds.heldFor('paused'),
      lanes: this.#laneWatch.states,
      running: this.#running.states,
      overruns: this.#overruns.states,
      eventLoop: this.#loop.lag,
      clockOffsetMs: this.#clock.offsetMs,
      clockSkewed: this.#clock.skewed,
      drain: { softMs: this.#settings.softMs, hardMs: this.#settings.hardMs, endsAt: this.#drainEndsAt },
      registration: this.#member.registration,
    };
  }

  /** Steps around every handler, outer to inner. */
  describe(): { readonly queues: Readonly<Record<string, number>>; readonly pipeline: readonly string[] } {
    return { queues: Object.fromEntries(this.#slots.queues), pipeline: describePipeline(this.#source.policies) };
  }

  /**
   * Resolves when every queue is being fetched. A server that is down, or a clock that is off, is waited for. In the child of an isolated task
   * it does nothing.
   * @throws OxbowError `startup_failed`, whose `cause` is what `startup` threw, `startup_timeout`, `engine_unsupported`; `closed` after a drain.
   */
  start(): Promise<void> {
    if (this.#source.idle) return Promise.resolve();
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Starts, and drains on SIGTERM or SIGINT, then ends the process: exit code 0 when every job ended, 1 when some had
   * to be put back. A second signal puts them back at once. A start that fails is logged, closes the app, and ends the process with 2.
   * Resolves when `drain` was called instead; at once, and nothing else, in the child of an isolated task.
   * @throws OxbowError `closed` after a drain.
   */
  async run(): Promise<void> {
    if (this.#source.idle) return;
    const signals = waitForSignals((count) => (count === 1 ? void this.drain() : this.#deadlines.hurry()));
    this.#ownsProcess = true;
    try {
      await this.start().catch((error: unknown) => this.#endProcess(error));
      const { orphans } = await this.#ended.promise;
      if (signals.count === 0 && !this.#endsProcess) return;
      await this.#source.closeApp();
      process.exit(orphans.length === 0 ? 0 : 1);
    } finally {
      signals.stop();
    }
  }

  /**
   * This worker fetches no more jobs of the queue, or of any, until `resume`; running ones go on. Before the start too. Other workers go on:
   * `app.fleet.pause(queue)` pauses a queue for all.
   * @throws OxbowError `invalid_options` for a queue that it does not serve
   */
  pause(queue?: string): void {
    this.#holds.hold('paused', this.#served(queue, 'pause'));
    void this.#member.changed();
  }

  /** Ends what `pause` began; without a queue of all queues. @throws as `pause` */
  resume(queue?: string): void {
    this.#holds.release('paused', this.#served(queue, 'resume'));
    void this.#member.changed();
  }

  /**
   * Stops fetching; running jobs end (`drain.soft`), are told by `ctx.signal` (`drain.hard`), and what still runs then
   * is put back without using an attempt. Calling it again gives the same promise.
   */
  drain(): Promise<Drained> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  /**
   * Changes how many jobs of a queue run here at a time (1–1000), at once, in any phase. Running jobs go on; when there are fewer slots than
   * that, none starts until so many have ended. What is not running yet when the slots are fewer waits for them, at the head of its queue.
   * @throws OxbowError `invalid_options`, also for a queue that this worker does not have, and for a worker with a pool
   */
  resize(queue: string, slots: number): void {
    if (this.#pool !== undefined)
      throw new OxbowError(
        'invalid_options',
        'worker.resize(): the slots of this worker are a pool, which moves them between its queues itself.',
      );
    this.#slots.resize(queue, slots);
    void this.#member.changed();
  }

  /** @internal Drains; true: then the process ends, as after SIGTERM, for it is that of `run()`. */
  shutdown(): boolean {
    this.#endsProcess = this.#ownsProcess;
    void this.drain();
    return this.#endsProcess;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain().then(() => undefined);
  }

  async #start(): Promise<void> {
    if (this.#draining !== undefined) throw new OxbowError('closed', 'This worker has been drained; make a new one.');
    this.#phase = 'starting';
    await this.#makeResources();
    await this.#waitForEngine();
    if (this.#draining !== undefined) return;
    await this.#clock.start();
    await Promise.all([this.#cancellations.start(), this.#member.listen()]);
    this.#openLanes();
    const { lanes } = this.#slots;
    await Promise.race([Promise.all(lanes.map((lane) => lane.ready())), this.#stopped.promise]);
    if (this.#draining !== undefined) return;
    for (const lane of lanes) lane.start();
    this.#laneWatch.start(lanes);
    this.#loop.start();
    this.#phase = 'running';
    this.#entered = true;
    void this.#serve();
    this.#source.leader.enter(this.#settings.lockDurationMs);
    await Promise.race([this.#member.enter(this.#clock.offsetMs ?? 0), this.#stopped.promise]);
    if (this.#draining !== undefined) return;
    this.#source.signals.emit('worker:ready', { queues: Object.fromEntries(this.#slots.queues) });
    this.#source.log.info(this.describe(), 'worker ready');
  }

  async #makeResources(): Promise<void> {
    try {
      await this.#resources.make();
    } catch (error) {
      if (this.#draining === undefined) throw error;
    }
  }

  /** Of a worker that owns its process and could not start: what has been opened would keep it alive. */
  async #endProcess(reason: unknown): Promise<never> {
    if (OxbowError.is(reason) && reason.code === 'closed') throw reason;
    this.#source.log.fatal({ err: reason }, 'the worker could not start; its process ends');
    await this.#source.closeApp().catch((err: unknown) => this.#source.log.error({ err }, 'the app could not be closed'));
    return process.exit(START_FAILED);
  }

  /** Tells the janitor of its queues. */
  async #serve(): Promise<void> {
    const { retention } = this.#source.execution.stores;
    await this.#keepTrying(() => retention.serve([...this.#settings.queues.keys()]), { ref: false, failed: () => undefined });
  }

  async #waitForEngine(): Promise<void> {
    const failed = (error: unknown): void => {
      if (!(error instanceof EngineUnavailableError)) throw error;
      this.#errors.error(error, 'the engine is away; the worker waits for it');
    };
    await this.#keepTrying(() => this.#source.engine.open(), { ref: true, failed });
  }

  async #keepTrying(call: () => Promise<unknown>, { ref, failed }: { ref: boolean; failed: (error: unknown) => void }): Promise<void> {
    while (this.#draining === undefined) {
      try {
        await call();
        return;
      } catch (error) {
        failed(error);
        await Promise.race([wait(RETRY_OPEN_MS, undefined, { ref }), this.#stopped.promise]);
      }
    }
  }

  #openLanes(): void {
    const { engine, signals, policies } = this.#source;
    const runner = new AttemptRunner(
      { ...this.#source.execution, task: (name) => this.#task(name), deps: this.#resources.deps, children: this.#children, signals },
      composePipeline(policies),
      { running: this.#running, overruns: this.#overruns, signals },
    );
    this.#slots.open(this.#pool === undefined ? engine.laneSize : Infinity, (queue, concurrency) =>
      this.#openLane(queue, concurrency, runner),
    );
  }

  #openLane(queue: string, concurrency: number, runner: AttemptRunner): Lane {
    const lane: Lane = this.#source.engine.lane({
      queue,
      concurrency,
      lockDurationMs: this.#settings.lockDurationMs,
      maxBlockedMs: this.#settings.maxBlockedMs,
      ...this.#source.retention(queue),
      process: (job) => runner.run(job, lane),
      onError: (error) => this.#trouble(queue, error),
      onStalled: (jobId) => this.#source.signals.emit('task:stalled', { id: publicId(jobId, queue), queue }),
      onLockLost: (jobId) => this.#loseLock(publicId(jobId, queue), queue),
      onSlots: this.#pool?.changed,
    });
    this.#holds.add(lane);
    return lane;
  }

  #trouble(queue: string, error: Error): void {
    this.#errors.error(error, `queue ${queue}: engine error`);
    if (this.#source.signals.wants('worker:error')) this.#source.signals.emit('worker:error', { queue, error });
  }

  #loseLock(id: string, queue: string): void {
    this.#running.abort(id, new LockLostError(id));
    this.#source.signals.emit('task:lock-lost', { id, queue });
  }

  #served(queue: string | undefined, call: string): string | undefined {
    if (queue === undefined || this.#settings.queues.has(queue)) return queue;
    const known = [...this.#settings.queues.keys()].join(', ');
    throw new OxbowError('invalid_options', `worker.${call}(): this worker does not serve the queue "${queue}". It serves ${known}.`);
  }

  #task(name: string): ReturnType<ExecutionSettings['task']> {
    const { tasks } = this.#settings;
    return tasks === undefined || tasks.has(name) ? this.#source.execution.task(name) : undefined;
  }

  async #drain(): Promise<Drained> {
    this.#phase = 'draining';
    const startedAt = performance.now();
    this.#drainEndsAt = Date.now() + this.#settings.softMs + this.#settings.hardMs;
    this.#stopped.resolve(undefined);
    this.#resources.abandon();
    this.#clock.stop();
    this.#pool?.stop();
    this.#source.signals.emit('worker:draining', { running: this.#running.size });
    this.#source.log.info({ running: this.#running.size }, 'worker draining');
    await this.#starting?.catch(() => undefined);
    const left = this.#entered ? this.#source.leader.leave() : undefined;
    const closed = Promise.all(this.#slots.lanes.map((lane) => lane.close()));
    void this.#member.changed();
    const orphans = await this.#deadlines.settle(closed);
    this.#laneWatch.stop();
    this.#loop.stop();
    this.#cancellations.stop();
    await this.#children.close();
    if (orphans.length > 0) this.#source.log.error({ orphans }, 'jobs did not end before the hard deadline; they are back in their queues');
    else {
      // Both may use what `startup` made.
      if (this.#resources.inUse) await this.#deadlines.endsWithin(this.#overruns.ended(), this.#settings.hardMs);
      await this.#deadlines.ended(this.#source.settleBackground());
    }
    const gone = this.#member.leave();
    await this.#resources.dispose();
    await Promise.all([left, gone]);
    this.#phase = 'drained';
    const drained: Drained = { orphans };
    this.#source.signals.emit('worker:drained', { ...drained, durationMs: performance.now() - startedAt });
    this.#source.log.info({ orphans: orphans.length }, 'worker drained');
    this.#ended.resolve(drained);
    return drained;
  }
}
