import { COLLECT } from '../canvas/plan.ts';
import { crashpoint } from '../crashpoint.ts';
import { OxbowError, ResultTooLargeError, SerializationError } from '../errors.ts';
import { keyedSettings } from '../policies/idempotency.ts';
import type { Outcome } from '../policies/outcome.ts';
import { discard, isBytes, type Bytes } from '../results/bytes.ts';
import { isReference, REFERENCE, type Reference, type ResultKind } from '../results/reference.ts';
import { resultKey } from '../results/result-key.ts';
import { byteLength, encodePayload } from '../task/payload.ts';
import { parse, type Schema } from '../task/schema.ts';
import type { Attempt, Next } from './attempt.ts';
import { isMapCall, parseItems } from './map-call.ts';

/**
 * Step: what the handler returned must fit the output schema, JSON, and the size limit; what does not, and what is bytes, goes to the result
 * store. It is there, as a whole, before anything refers to it: what a worker that dies between the two leaves is the janitor's.
 */
export async function checkResult(attempt: Attempt, next: Next): Promise<Outcome> {
  const outcome = await next(attempt);
  if (attempt.replayed || attempt.stored || outcome.kind !== 'succeeded' || outcome.value === undefined || outcome.value === null)
    return outcome;
  // A collector's members were checked, and limits hold per member.
  if (attempt.job.name === COLLECT && !attempt.fromStore) return outcome;
  const { output } = attempt.definition ?? {};
  const value = output === undefined ? outcome.value : await parseResult(attempt, output, outcome.value);
  const stored = toStorable(attempt, value);
  return { kind: 'succeeded', value: stored instanceof Promise ? await stored : stored };
}

/** The value itself, or the reference to where it lies soon. */
export function toStorable(attempt: Attempt, value: unknown): unknown {
  const { settings, job } = attempt;
  if (isBytes(value)) return store(attempt, 'bytes', value);
  if (isReference(value))
    throw new SerializationError(`result.${REFERENCE}`, 'is a forbidden key: it is what a reference to a stored result has.');
  const hasStore = settings.canvas.results.store !== undefined;
  // What is large has many keys, too.
  const limits = hasStore ? { ...settings.limits, keys: Number.MAX_SAFE_INTEGER } : settings.limits;
  const text = encodePayload(value, 'result', { ...limits, bytes: Number.MAX_SAFE_INTEGER });
  const bytes = byteLength(text, settings.maxResultBytes);
  if (bytes <= settings.maxResultBytes) return value;
  if (!hasStore) throw new ResultTooLargeError(job.name, bytes, settings.maxResultBytes);
  return store(attempt, 'json', Buffer.from(text));
}

async function store(attempt: Attempt, kind: ResultKind, bytes: Bytes): Promise<Reference> {
  const { settings, job, context, envelope, definition } = attempt;
  const { results } = settings.canvas;
  if (results.store === undefined) {
    discard(bytes);
    throw new OxbowError(
      'result_store_required',
      `Task "${job.name}" returned bytes, which need a result store: give createApp one as \`results\`.`,
    );
  }
  // Who comes with its key later is given the same result.
  const neededUntil = envelope?.claim === undefined ? 0 : Date.now() + keyedSettings(definition).ttlMs;
  const root = attempt.canvas?.message.p === undefined ? undefined : attempt.canvas.root;
  const key = resultKey(settings.app, { job, root, neededUntil }, job.attemptsStarted);
  const reference = await results.put(key, kind, bytes, context?.signal ?? new AbortController().signal);
  crashpoint('result-stored-before-complete');
  return reference;
}

/** What replaced a job may be of any form. */
function parseResult(attempt: Attempt, output: Schema, value: unknown): unknown {
  if (attempt.canvas?.message.rep !== undefined) return value;
  const { name } = attempt.job;
  return isMapCall(attempt) ? parseItems(output, value, name, 'invalid_output') : parse(output, value, name, 'invalid_output');
}
