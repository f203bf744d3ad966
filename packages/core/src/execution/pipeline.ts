import { OxbowError, ResultTooLargeError } from '../errors.ts';
import { tooManyCrashes } from '../policies/crash-limit.ts';
import { expired } from '../policies/expiry.ts';
import type { Outcome } from '../policies/outcome.ts';
import type { Policy } from '../policies/policy.ts';
import { postpone } from '../policies/unknown-task.ts';
import { decodeEnvelope } from '../task/envelope.ts';
import { byteLength, encodePayload, forbiddenKey } from '../task/payload.ts';
import { parse } from '../task/schema.ts';
import { policyStep, type Attempt, type Next, type Step } from './attempt.ts';
import { AttemptContext } from './context.ts';
import { fromFailureRecord } from './failure.ts';
import { outcomeOf } from './settle.ts';
import { runAs } from './running.ts';

/** Oxbow's own steps around the handler, outer to inner. User policies go between `result` and the handler. */
export const STEPS: readonly Step[] = [
  { name: 'envelope', run: readEnvelope },
  { name: 'crash-limit', run: crashLimit },
  { name: 'task', run: findTask },
  { name: 'recorded-failure', run: recordedFailure },
  { name: 'expiry', run: expiry },
  { name: 'context', run: makeContext },
  { name: 'parse', run: parseInput },
  { name: 'result', run: checkResult },
];

/** Names of the steps, outer to inner. */
export function describePipeline(policies: readonly Policy[]): readonly string[] {
  return [...steps(policies).map((step) => step.name), 'run'];
}

/** The pipeline as one function that never rejects: whatever is thrown inside becomes an outcome. */
export function composePipeline(policies: readonly Policy[]): Next {
  const pipeline = steps(policies).reduceRight<Next>((next, step) => (attempt) => step.run(attempt, next), runHandler);
  return async (attempt) => {
    try {
      return await pipeline(attempt);
    } catch (thrown) {
      return outcomeOf(thrown, attempt);
    }
  };
}

function steps(policies: readonly Policy[]): readonly Step[] {
  return [...STEPS, ...policies.flatMap((policy) => (policy.run === undefined ? [] : [policyStep(policy, policy.run)]))];
}

function crashLimit(attempt: Attempt, next: Next): Promise<Outcome> {
  const { stalledCounter } = attempt.job;
  const outcome = stalledCounter === 0 ? undefined : tooManyCrashes(stalledCounter, attempt.settings.maxCrashes);
  return outcome === undefined ? next(attempt) : Promise.resolve(outcome);
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
  const forbidden = forbiddenKey(decoded.envelope.input, attempt.settings.limits);
  if (forbidden !== undefined) return failed(new OxbowError('malformed', `The job’s data has the forbidden key "${forbidden}".`));
  attempt.envelope = decoded.envelope;
  return next(attempt);
}

function findTask(attempt: Attempt, next: Next): Promise<Outcome> {
  attempt.definition = attempt.settings.task(attempt.job.name);
  if (attempt.definition?.handler !== undefined) return next(attempt);
  return postponed(attempt, new OxbowError('unknown_task', `No task "${attempt.job.name}" in this worker.`));
}

/** A redelivery of a job that had already finally failed when its worker died: the handler does not run again. */
function recordedFailure(attempt: Attempt, next: Next): Promise<Outcome> {
  const failure = attempt.envelope?.failure;
  const redelivered = failure?.attemptsMade === attempt.job.attemptsMade && attempt.job.stalledCounter > failure.stalledCounter;
  return redelivered ? Promise.resolve({ kind: failure.end ?? 'failed', error: fromFailureRecord(failure.error) }) : next(attempt);
}

function expiry(attempt: Attempt, next: Next): Promise<Outcome> {
  const outcome = expired(attempt.envelope?.expiresAt, Date.now());
  return outcome === undefined ? next(attempt) : Promise.resolve(outcome);
}

function makeContext(attempt: Attempt, next: Next): Promise<Outcome> {
  const { job, envelope, definition, settings } = attempt;
  if (envelope === undefined || definition === undefined) throw new Error('context before envelope and task');
  attempt.context = new AttemptContext(job, envelope, definition.states, settings.deps, settings.log);
  return next(attempt);
}

function parseInput(attempt: Attempt, next: Next): Promise<Outcome> {
  const schema = attempt.definition?.input;
  attempt.input = attempt.envelope?.input;
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

/** What the handler returned must fit the output schema, JSON, and the size limit. */
async function checkResult(attempt: Attempt, next: Next): Promise<Outcome> {
  const outcome = await next(attempt);
  if (outcome.kind !== 'succeeded' || outcome.value === undefined || outcome.value === null) return outcome;
  const { definition, settings, job } = attempt;
  const value =
    definition?.output === undefined ? outcome.value : await parse(definition.output, outcome.value, job.name, 'invalid_output');
  const text = encodePayload(value, 'result', { ...settings.limits, bytes: Number.MAX_SAFE_INTEGER });
  const bytes = byteLength(text, settings.maxResultBytes);
  if (bytes > settings.maxResultBytes) throw new ResultTooLargeError(job.name, bytes, settings.maxResultBytes);
  return { kind: 'succeeded', value };
}

function runHandler(attempt: Attempt): Promise<Outcome> {
  const handler = attempt.definition?.handler;
  return runAs(attempt.job.name, () => handler?.(attempt.input as never, attempt.context as never)).then(
    (value): Outcome => ({ kind: 'succeeded', value }),
    (thrown: unknown) => outcomeOf(thrown, attempt),
  );
}

function failed(error: Error): Promise<Outcome> {
  return Promise.resolve({ kind: 'failed', error });
}

function postponed(attempt: Attempt, error: OxbowError): Promise<Outcome> {
  const { attemptsStarted, attemptsMade, stalledCounter } = attempt.job;
  const timesPutBack = Math.max(0, attemptsStarted - attemptsMade - stalledCounter - 1);
  return Promise.resolve(postpone(error, timesPutBack, attempt.settings.unknownTaskGraceMs));
}
