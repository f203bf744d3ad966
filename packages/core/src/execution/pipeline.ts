import { OxbowError } from '../errors.ts';
import { toOutcome, type Cancellation } from '../policies/cancellation.ts';
import { concurrency } from '../policies/concurrency.ts';
import { tooManyCrashes } from '../policies/crash-limit.ts';
import { debounce } from '../policies/debounce.ts';
import { delivery } from '../policies/delivery.ts';
import { expired } from '../policies/expiry.ts';
import { lock } from '../policies/lock.ts';
import type { Outcome } from '../policies/outcome.ts';
import type { Policy } from '../policies/policy.ts';
import { rateLimit } from '../policies/rate-limit.ts';
import { cancellationsOf, endRestOf } from '../policies/run-cancellation.ts';
import { unique } from '../policies/unique.ts';
import { postpone } from '../policies/unknown-task.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { BEFORE_START, decodeEnvelope } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import { forbiddenKey } from '../task/payload.ts';
import { parse } from '../task/schema.ts';
import { policyStep, type Attempt, type Next, type Step } from './attempt.ts';
import { canvasInput } from './canvas-input.ts';
import { capabilityStep } from './capability-step.ts';
import { readCanvasJob, type CanvasJob } from './canvas-job.ts';
import { AttemptContext } from './context.ts';
import { continuation } from './continuation.ts';
import { engineAway } from './engine-away.ts';
import { fromFailureRecord } from './failure.ts';
import { claimInput, recordResult } from './idempotency.ts';
import { internal, internalTask } from './internal-tasks.ts';
import { runHandler } from './handler-run.ts';
import { isolate } from './isolate.ts';
import { heartbeat, timeLimits } from './limits.ts';
import { isMapCall, parseItems } from './map-call.ts';
import { replacement } from './replacement.ts';
import { checkResult } from './result-storing.ts';
import { outcomeOf } from './settle.ts';

/** Oxbow's own steps around the handler, outer to inner. User policies go between `parse` and the handler. */
export const STEPS: readonly Step[] = [
  { name: 'envelope', run: readEnvelope },
  { name: 'crash-limit', run: crashLimit },
  { name: 'task', run: findTask },
  { name: 'recorded-failure', run: recordedFailure },
  { name: 'cancelled', run: cancelled },
  { name: 'expiry', run: expiry },
  { name: 'context', run: makeContext },
  { name: 'engine-away', run: engineAway },
  { name: 'internal', run: internal },
  { name: 'continuation', run: continuation },
  { name: 'record', run: recordResult },
  { name: 'result', run: checkResult },
  { name: 'replacement', run: replacement },
  { name: 'canvas-input', run: canvasInput },
  { name: 'parse', run: parseInput },
  capabilityStep(unique),
  capabilityStep(debounce),
  { name: 'idempotency', run: claimInput },
  capabilityStep(delivery),
  capabilityStep(concurrency),
  capabilityStep(rateLimit),
  capabilityStep(lock),
];

/** Between the user's policies and the handler. */
const INNER: readonly Step[] = [
  { name: 'isolation', isFor: ({ isolation }) => isolation !== undefined, run: isolate },
  { name: 'time-limits', isFor: ({ timeLimits: limits }) => limits !== undefined, run: timeLimits },
  { name: 'heartbeat', isFor: ({ heartbeatMs }) => heartbeatMs !== undefined, run: heartbeat },
];

/** Names of the steps, outer to inner. */
export function describePipeline(policies: readonly Policy[]): readonly string[] {
  return [...steps(policies).map((step) => step.name), 'run'];
}

/** The pipeline as one function that never rejects: whatever is thrown inside becomes an outcome. */
export function composePipeline(policies: readonly Policy[]): Next {
  const all = steps(policies);
  const known = all.findIndex(({ run }) => run === findTask) + 1;
  const inner = new WeakMap<TaskDefinition, Next>();
  const pipeline = compose(all.slice(0, known), (attempt) => {
    const task = attempt.definition as TaskDefinition;
    let next = inner.get(task);
    if (next === undefined) {
      const own = all.slice(known).filter(({ isFor }) => isFor?.(task) !== false);
      inner.set(task, (next = compose(own, runHandler)));
    }
    return next(attempt);
  });
  return async (attempt) => {
    try {
      return await pipeline(attempt);
    } catch (thrown) {
      return outcomeOf(thrown, attempt);
    }
  };
}

function compose(some: readonly Step[], last: Next): Next {
  return some.reduceRight<Next>((next, step) => (attempt) => step.run(attempt, next), last);
}

function steps(policies: readonly Policy[]): readonly Step[] {
  return [...STEPS, ...policies.flatMap((policy) => (policy.run === undefined ? [] : [policyStep(policy, policy.run)])), ...INNER];
}

function crashLimit(attempt: Attempt, next: Next): Promise<Outcome> {
  const { job, settings } = attempt;
  const { stalledCounter } = job;
  if (stalledCounter === 0) return next(attempt);
  const blocked = (): Promise<number> => settings.stores.blockedJobs.times(publicId(job.id, job.queue));
  if (stalledCounter === settings.maxCrashes - 1) return settings.lastChance.run(() => next(attempt));
  return tooManyCrashes(stalledCounter, settings.maxCrashes, blocked).then((outcome) => outcome ?? next(attempt));
}

function readEnvelope(attempt: Attempt, next: Next): Promise<Outcome> {
  const decoded = decodeEnvelope(attempt.job.data);
  if (decoded.kind === 'malformed') {
    return failed(new OxbowError('malformed', `The job carries Oxbow’s marker but cannot be read: ${decoded.reason}`));
  }
  if (decoded.kind === 'newer') {
    return postponed(
      attempt,
      new OxbowError('newer_envelope', `The job was written in wire format ${decoded.version}, newer than this worker reads.`),
    );
  }
  if (decoded.envelope.canvas !== undefined) {
    const read = readCanvasJob(attempt.job, decoded.envelope.canvas);
    if (read.kind === 'malformed') return failed(new OxbowError('malformed', `The job’s canvas part cannot be read: ${read.reason}`));
    if (read.kind === 'newer')
      return postponed(
        attempt,
        new OxbowError('newer_envelope', `The run has a plan of version ${read.version}, newer than this worker reads.`),
      );
    attempt.canvas = read.canvas;
  }
  const forbidden = forbiddenKey(decoded.envelope.input, attempt.settings.limits);
  if (forbidden !== undefined) return failed(new OxbowError('malformed', `The job’s data has the forbidden key "${forbidden}".`));
  attempt.envelope = decoded.envelope;
  attempt.input = decoded.envelope.input;
  return next(attempt);
}

function findTask(attempt: Attempt, next: Next): Promise<Outcome> {
  attempt.definition = attempt.settings.task(attempt.job.name) ?? internalTask(attempt.job.name);
  if (attempt.definition?.handler !== undefined) return next(attempt);
  return postponed(attempt, new OxbowError('unknown_task', `No task "${attempt.job.name}" in this worker.`));
}

/** A redelivery of a job that had already finally failed when its worker died: the handler does not run again. */
function recordedFailure(attempt: Attempt, next: Next): Promise<Outcome> {
  const failure = attempt.envelope?.failure;
  if (failure === undefined) return next(attempt);
  const { job, canvas } = attempt;
  const ended = (): Promise<Outcome> => Promise.resolve({ kind: failure.end ?? 'failed', error: fromFailureRecord(failure.error) });
  // Who cancelled its run, and had taken it, may have died before the rest of it had ended.
  if (failure.stalledCounter === BEFORE_START) return canvas === undefined ? ended() : unlessMarked(attempt, canvas, ended);
  const redelivered = failure.attemptsMade === job.attemptsMade && job.stalledCounter > failure.stalledCounter;
  return redelivered ? ended() : next(attempt);
}

/** Its run, or the job itself, while it waited; or while it ran on a worker that has died, and nobody here was told. */
function cancelled(attempt: Attempt, next: Next): Promise<Outcome> {
  const { job, canvas, settings } = attempt;
  const cancellation = settings.canvas.cancellations.find(job.id);
  if (cancellation !== undefined) return endCancelled(attempt, cancellation);
  if (canvas === undefined) return next(attempt);
  // Or the end of the run was refused, because it is cancelled.
  const isStartedAgain = job.stalledCounter > 0 || (job.attemptsStarted > 1 && canvas.message.p === undefined);
  return isStartedAgain ? unlessMarked(attempt, canvas, next) : next(attempt);
}

async function unlessMarked(attempt: Attempt, { root }: CanvasJob, next: Next): Promise<Outcome> {
  const { engine, cancellations } = attempt.settings.canvas;
  for (const cancellation of await cancellationsOf(engine, [root, attempt.job])) cancellations.add(cancellation);
  const cancellation = cancellations.find(attempt.job.id);
  return cancellation === undefined ? next(attempt) : endCancelled(attempt, cancellation);
}

async function endCancelled({ job, settings }: Attempt, cancellation: Cancellation): Promise<Outcome> {
  await endRestOf(settings.canvas.engine, job, cancellation);
  return toOutcome(cancellation);
}

function expiry(attempt: Attempt, next: Next): Promise<Outcome> {
  const outcome = expired(attempt.envelope?.expiresAt, Date.now());
  return outcome === undefined ? next(attempt) : Promise.resolve(outcome);
}

function makeContext(attempt: Attempt, next: Next): Promise<Outcome> {
  const { job, envelope, definition, settings } = attempt;
  if (envelope === undefined || definition === undefined) throw new Error('context before envelope and task');
  attempt.context = new AttemptContext({ job, envelope, canvas: attempt.canvas, states: definition.states, settings });
  return next(attempt);
}

function parseInput(attempt: Attempt, next: Next): Promise<Outcome> {
  attempt.given = attempt.input;
  const schema = attempt.definition?.input;
  if (isMapCall(attempt)) return parseMap(attempt, next);
  if (schema === undefined) return next(attempt);
  const parsed = parse(schema, attempt.input, attempt.job.name);
  if (!(parsed instanceof Promise)) {
    attempt.input = parsed;
    return next(attempt);
  }
  return parsed.then((value: unknown) => {
    attempt.input = value;
    return next(attempt);
  });
}

async function parseMap(attempt: Attempt, next: Next): Promise<Outcome> {
  attempt.input = await parseItems(attempt.definition?.input, attempt.input, attempt.job.name);
  return next(attempt);
}

function failed(error: Error): Promise<Outcome> {
  return Promise.resolve({ kind: 'failed', error });
}

function postponed(attempt: Attempt, error: OxbowError): Promise<Outcome> {
  const { attemptsStarted, attemptsMade, stalledCounter } = attempt.job;
  const timesPutBack = Math.max(0, attemptsStarted - attemptsMade - stalledCounter - 1);
  return Promise.resolve(postpone(error, timesPutBack, attempt.settings.unknownTaskGraceMs));
}
