import { setTimeout as wait } from 'node:timers/promises';
import type { Engine, Lane, LaneOptions } from '../engine/engine.ts';
import { EngineUnavailableError, LockLostError, OxbowError, ShutdownError } from '../errors.ts';
import type { ExecutionSettings } from '../execution/attempt.ts';
import { composePipeline, describePipeline } from '../execution/pipeline.ts';
import { ChildPool } from '../isolation/child-pool.ts';
import { ThrottledLog, type Logger } from '../log.ts';
import type { Policy } from '../policies/policy.ts';
import type { SignalBus } from '../signals.ts';
import { publicId } from '../task/id.ts';
import { AttemptRunner } from './attempt-runner.ts';
import { CancellationWatch } from './cancellation-watch.ts';
import { ClockWatch } from './engine-watch.ts';
import { Deferred } from './deferred.ts';
import { LaneWatch } from './lane-watch.ts';
import type { Leader } from './leader.ts';
import { LoopWatch } from './loop-watch.ts';
import { Overruns } from './overruns.ts';
import { waitForSignals } from './process-signals.ts';
import { Pool } from './pool.ts';
import { Resources } from './resources.ts';
import { RunningJobs } from './running-jobs.ts';
import type { WorkerOptions, WorkerSettings } from './settings.ts';
import { Slots } from './slots.ts';
import type { WorkerPhase, WorkerState } from './state.ts';

/** What a worker gets from its app. */
export interface WorkerSource {
  readonly app: string;
  readonly engine: Engine;
  readonly signals: SignalBus;
  readonly log: Logger;
  readonly policies: readonly Policy[];
  /** What the lanes of a queue let go whenever a job ends; asked at the start. */
  readonly retention: (queue: string) => Pick<LaneOptions, 'keepSucceeded' | 'keepFailed'>;
  readonly execution: Omit<ExecutionSettings, 'deps' | 'children' | 'signals'>;
  /** Of the app: it leads while one of its workers is started. */
  readonly leader: Pick<Leader, 'enter' | 'leave'>;
  /** In the child of an isolated task: it does not start. */
  readonly idle: boolean;
  /** Resolves when what handlers have called in the background has ended, or has been waited for long enough. */
  readonly settleBackground: () => Promise<void>;
  /** Closes the app, after the drain of a worker that owns its process. */
  readonly closeApp: () => Promise<void>;
}

export interface Drained {
  /** Public ids of jobs that did not end before the hard deadline; they are back in their queues, or, of `at-most-once` tasks, about to fail. */
  readonly orphans: readonly string[];
}

const RETRY_OPEN_MS = 1000;
const IDLE_CLOSE_MS = 2000;
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
  readonly #loop: LoopWatch;
  readonly #laneWatch: LaneWatch;
  readonly #cancellations: CancellationWatch;
  readonly #stopped = new Deferred<undefined>();
  readonly #force = new Deferred<false>();
  readonly #ended = new Deferred<Drained>();
  #starting: Promise<void> | undefined;
  #draining: Promise<Drained> | undefined;
  #entered = false;
  #phase: WorkerPhase = 'new';

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
    this.#clock = new ClockWatch(source.engine, source.signals, source.log, (skewed) => this.#setFetching(!skewed));
    this.#loop = new LoopWatch(() => this.#running.turned(), source.signals, source.log);
    this.#laneWatch = new LaneWatch(source.signals, source.log);
    this.#cancellations = new CancellationWatch({
      engine: source.engine,
      cancellations: source.execution.canvas.cancellations,
      running: this.#running,
      log: source.log,
      everyMs: settings.lockDurationMs / 2,
    });
  }

  /** @internal */
  get state(): WorkerState {
    return {
      phase: this.#phase,
      queues: Object.fromEntries(this.#slots.queues),
      lanes: this.#laneWatch.states,
      running: this.#running.states,
      overruns: this.#overruns.states,
      eventLoop: this.#loop.lag,
      clockOffsetMs: this.#clock.offsetMs,
      clockSkewed: this.#clock.skewed,
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
    const signals = waitForSignals((count) => (count === 1 ? void this.drain() : this.#force.resolve(false)));
    try {
      await this.start().catch((error: unknown) => this.#endProcess(error));
      const { orphans } = await this.#ended.promise;
      if (signals.count === 0) return;
      await this.#source.closeApp();
      process.exit(orphans.length === 0 ? 0 : 1);
    } finally {
      signals.stop();
    }
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
    await this.#cancellations.start();
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
    if (this.#clock.skewed) this.#setFetching(false);
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
    while (this.#draining === undefined) {
      try {
        await this.#source.execution.stores.retention.serve([...this.#settings.queues.keys()]);
        return;
      } catch {
        await Promise.race([wait(RETRY_OPEN_MS, undefined, { ref: false }), this.#stopped.promise]);
      }
    }
  }

  async #waitForEngine(): Promise<void> {
    while (this.#draining === undefined) {
      try {
        await this.#source.engine.open();
        return;
      } catch (error) {
        if (!(error instanceof EngineUnavailableError)) throw error;
        this.#errors.error(error, 'the engine is away; the worker waits for it');
        await Promise.race([wait(RETRY_OPEN_MS), this.#stopped.promise]);
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
      onError: (error) => this.#errors.error(error, `queue ${queue}: engine error`),
      onStalled: (jobId) => this.#source.signals.emit('task:stalled', { id: publicId(jobId, queue), queue }),
      onLockLost: (jobId) => this.#loseLock(publicId(jobId, queue), queue),
      onSlots: this.#pool?.changed,
    });
    return lane;
  }

  #loseLock(id: string, queue: string): void {
    this.#running.abort(id, new LockLostError(id));
    this.#source.signals.emit('task:lock-lost', { id, queue });
  }

  #task(name: string): ReturnType<ExecutionSettings['task']> {
    const { tasks } = this.#settings;
    return tasks === undefined || tasks.has(name) ? this.#source.execution.task(name) : undefined;
  }

  #setFetching(fetching: boolean): void {
    for (const lane of this.#slots.lanes) {
      if (fetching) lane.resume();
      else lane.pause();
    }
  }

  async #drain(): Promise<Drained> {
    this.#phase = 'draining';
    this.#stopped.resolve(undefined);
    this.#resources.abandon();
    this.#clock.stop();
    this.#pool?.stop();
    this.#source.signals.emit('worker:draining', { running: this.#running.size });
    this.#source.log.info({ running: this.#running.size }, 'worker draining');
    await this.#starting?.catch(() => undefined);
    const left = this.#entered ? this.#source.leader.leave() : undefined;
    const closed = Promise.all(this.#slots.lanes.map((lane) => lane.close()));
    const orphans = await this.#settle(closed);
    this.#laneWatch.stop();
    this.#loop.stop();
    this.#cancellations.stop();
    await this.#children.close();
    if (orphans.length > 0) this.#source.log.error({ orphans }, 'jobs did not end before the hard deadline; they are back in their queues');
    else {
      // Both may use what `startup` made.
      if (this.#resources.inUse) await this.#endsWithin(this.#overruns.ended(), this.#settings.hardMs);
      await Promise.race([this.#source.settleBackground(), this.#force.promise]);
    }
    await this.#resources.dispose();
    await left;
    this.#phase = 'drained';
    const drained: Drained = { orphans };
    this.#source.signals.emit('worker:drained', drained);
    this.#source.log.info({ orphans: orphans.length }, 'worker drained');
    this.#ended.resolve(drained);
    return drained;
  }

  /** The two deadlines. Returns who had to be put back. */
  async #settle(closed: Promise<unknown>): Promise<readonly string[]> {
    // With nothing to wait for, only an engine that is away can hold a close up.
    if (this.#running.size === 0 && !(await this.#endsWithin(closed, Math.min(IDLE_CLOSE_MS, this.#settings.softMs))))
      return this.#abandon([]);
    if (await this.#endsWithin(closed, this.#settings.softMs)) return [];
    this.#running.abortAll(new ShutdownError());
    if (await this.#endsWithin(closed, this.#settings.hardMs)) return [];
    const orphans = await this.#running.putBackAll((error) =>
      this.#errors.error(error, 'a job could not be put back; it runs again when its lock ends'),
    );
    return this.#abandon(orphans);
  }

  async #abandon(orphans: readonly string[]): Promise<readonly string[]> {
    await Promise.all(this.#slots.lanes.map((lane) => lane.abandon()));
    return orphans;
  }

  async #endsWithin(closed: Promise<unknown>, ms: number): Promise<boolean> {
    const late = new Deferred<false>();
    const timer = setTimeout(() => late.resolve(false), ms);
    try {
      return await Promise.race([closed.then(() => true), late.promise, this.#force.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
