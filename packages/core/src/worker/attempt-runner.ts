import { crashpoint } from '../crashpoint.ts';
import type { ActiveJob, Lane, Verdict } from '../engine/engine.ts';
import { describeAttempt } from '../execution/announcement.ts';
import { Attempt, type ExecutionSettings, type Next } from '../execution/attempt.ts';
import { describeRun, messageIn } from '../execution/canvas-job.ts';
import type { Outcome } from '../policies/outcome.ts';
import type { EndedSignal, SignalBus, SignalName } from '../signals.ts';
import { publicId } from '../task/id.ts';
import type { Overruns } from './overruns.ts';
import { RunningJob, type RunningJobs } from './running-jobs.ts';
import { toVerdict } from './verdict.ts';

/** A job that was replaced goes on. */
type EndedKind = Exclude<Outcome['kind'], 'replaced'>;
type Ended = Extract<Outcome, { readonly kind: EndedKind }>;

const SIGNALS = {
  succeeded: 'task:succeeded',
  failed: 'task:failed',
  retry: 'task:retrying',
  'put-back': 'task:put-back',
  cancelled: 'task:cancelled',
  expired: 'task:expired',
} as const satisfies Record<EndedKind, SignalName>;

/** After these no attempt follows. */
const ENDS: ReadonlySet<Outcome['kind']> = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

/** Who is told of attempts. */
export interface AttemptObservers {
  readonly running: RunningJobs;
  readonly overruns: Overruns;
  readonly signals: SignalBus;
}

/** Takes jobs from lanes through the pipeline, and tells the process about it. */
export class AttemptRunner {
  readonly #settings: ExecutionSettings;
  readonly #pipeline: Next;
  readonly #running: RunningJobs;
  readonly #overruns: Overruns;
  readonly #signals: SignalBus;

  constructor(settings: ExecutionSettings, pipeline: Next, { running, overruns, signals }: AttemptObservers) {
    this.#settings = settings;
    this.#pipeline = pipeline;
    this.#running = running;
    this.#overruns = overruns;
    this.#signals = signals;
  }

  /** Rejects only when the failure could not be recorded. */
  async run(job: ActiveJob, lane: Lane): Promise<Verdict> {
    const attempt = new Attempt(job, this.#settings);
    const running = new RunningJob(attempt, lane);
    this.#running.add(running);
    crashpoint('after-fetch-before-handler');
    if (this.#signals.wants('task:started')) this.#signals.emit('task:started', { ...describeAttempt(job), waitMs: waitOf(job) });
    const startedAt = performance.now();
    try {
      const outcome = await this.#pipeline(attempt);
      if (attempt.unsettled !== undefined && attempt.ended !== undefined) this.#overruns.watch(attempt, attempt.unsettled, attempt.ended);
      crashpoint('after-effect-before-record');
      const deciding = toVerdict(outcome, attempt);
      const verdict = deciding instanceof Promise ? await deciding : deciding;
      crashpoint('after-record-before-ack');
      this.#log(outcome, attempt);
      if (outcome.kind === 'replaced') return verdict;
      const told = this.#isHeard(outcome, attempt);
      const after = ENDS.has(outcome.kind) ? attempt.afterwards : [];
      if (!told && after.length === 0) return verdict;
      // Read now: BullMQ counts the attempt when it records it.
      const event = { ...describeAttempt(job), durationMs: performance.now() - startedAt };
      return {
        ...verdict,
        recorded: () => {
          verdict.recorded?.();
          if (told) this.#emit(outcome, event, attempt);
          for (const act of after)
            act()?.catch((error: unknown) => this.#settings.log.debug({ err: error, task: job.name }, 'a job was not tidied up after'));
        },
      };
    } finally {
      this.#running.remove(running);
    }
  }

  #isHeard({ kind }: Ended, { buried, canvas }: Attempt): boolean {
    if (canvas?.message.p === undefined && canvas !== undefined && this.#signals.wants('canvas:completed')) return true;
    return this.#signals.wants(SIGNALS[kind]) || (buried !== undefined && this.#signals.wants('task:dead-lettered'));
  }

  #emit(outcome: Ended, event: EndedSignal, attempt: Attempt): void {
    const { job, buried, replayed } = attempt;
    crashpoint('after-ack-before-signal');
    switch (outcome.kind) {
      case 'succeeded':
        this.#signals.emit('task:succeeded', { ...event, replayed });
        return this.#emitRun(outcome, attempt);
      case 'retry':
        return this.#signals.emit('task:retrying', { ...event, error: outcome.error, delayMs: outcome.delayMs });
      case 'put-back':
        return this.#signals.emit('task:put-back', { ...event, delayMs: outcome.delayMs, reason: outcome.reason });
      default:
        this.#signals.emit(SIGNALS[outcome.kind], { ...event, error: outcome.error });
        if (buried !== undefined)
          this.#signals.emit('task:dead-lettered', { id: event.id, task: job.name, queue: job.queue, ...buried, error: outcome.error });
        return this.#emitRun(outcome, attempt);
    }
  }

  #emitRun({ kind: outcome }: Exclude<Ended, { readonly kind: 'retry' | 'put-back' }>, { job, canvas }: Attempt): void {
    if (!this.#signals.wants('canvas:completed')) return;
    const run = canvas === undefined ? undefined : describeRun(job, canvas);
    if (run === undefined) return;
    const durationMs = Math.max(0, Date.now() - job.timestamp);
    this.#signals.emit('canvas:completed', { id: publicId(job.id, job.queue), canvas: run.canvas, kind: run.kind, outcome, durationMs });
  }

  #log(outcome: Outcome, { job, settings, buried, origins = [] }: Attempt): void {
    const { log } = settings;
    if (outcome.kind === 'succeeded' || outcome.kind === 'replaced') return;
    const bindings = { task: job.name, job: publicId(job.id, job.queue), attempt: job.attemptsMade + 1 };
    // Its member has been reported.
    if (outcome.kind === 'failed' && origins.length > 0)
      log.info({ ...bindings, reason: outcome.error.message }, 'job failed with a member');
    else if (outcome.kind === 'failed')
      log.error({ ...bindings, err: outcome.error, ...(buried === undefined ? {} : { deadLetter: buried.fingerprint }) }, 'job failed');
    else if (outcome.kind === 'retry') log.warn({ ...bindings, err: outcome.error, delayMs: outcome.delayMs }, 'attempt failed; retrying');
    else if (outcome.kind === 'put-back') log.info({ ...bindings, delayMs: outcome.delayMs, reason: outcome.reason }, 'job put back');
    else log.info({ ...bindings, reason: outcome.error.message }, `job ${outcome.kind}`);
  }
}

/** A join is there from the start of its run: nobody knows how long it has been ready. */
function waitOf({ waitMs, data }: ActiveJob): number | undefined {
  return waitMs === undefined || messageIn(data)?.j === 1 ? undefined : waitMs;
}
