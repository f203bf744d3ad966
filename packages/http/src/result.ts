import { once } from 'node:events';
import { Readable } from 'node:stream';
import { OxbowError, type JobStatus, type ResultStream, type TaskFailedError } from '@oxbow/core';
import { toAnswer, toJson } from './answer.ts';
import { hasEnded, pathOf, toView, type Seen } from './job-view.ts';
import type { HttpSettings } from './options.ts';
import { Problem } from './problem.ts';
import type { ProblemCode } from './problem-codes.ts';

const MAX_WAIT_SECONDS = 60;

export interface ResultRequest extends Seen {
  /** The text of the query parameter `wait`: how many seconds the answer may wait for the job's end. */
  readonly wait: string | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Of a HEAD request: no body is read. */
  readonly bodiless: boolean;
}

const TYPES: Readonly<Record<ResultStream['kind'], string>> = { json: 'application/json', bytes: 'application/octet-stream' };

/**
 * `GET /jobs/:id/result`: 200 with the result, 202 while there is none, a problem when there will be none.
 * @throws Problem; what `handle.result()` throws
 */
export async function result(settings: HttpSettings, { handle, status, wait, signal, bodiless }: ResultRequest): Promise<Response> {
  const waitMs = parseWait(wait);
  if (status.status !== 'succeeded' && hasEnded(status)) throw withoutResult(settings, status);
  if (!hasEnded(status) && waitMs === 0) return notYet(settings, status);
  try {
    return await toResult(await handle.resultStream(hasEnded(status) ? { signal } : { timeout: waitMs, signal }), bodiless);
  } catch (error) {
    const ended = error as TaskFailedError;
    if (signal.aborted || (OxbowError.is(error) && error.code === 'result_timeout')) return notYet(settings, await handle.status());
    if (OxbowError.is(error) && ['task_failed', 'cancelled', 'expired'].includes(error.code))
      throw failed(settings, ended.code, handle.id, ended.cause);
    throw error;
  }
}

/**
 * Waits for the first bytes, so that what cannot be read is a problem. What is found to be wrong later ends the connection early.
 * @throws OxbowError `result_corrupt`, `result_store_failed`
 */
async function toResult(stream: ResultStream, bodiless: boolean): Promise<Response> {
  await once(stream, 'readable');
  const body = bodiless ? null : (Readable.toWeb(stream) as ReadableStream<Uint8Array>);
  if (bodiless) stream.destroy();
  return toAnswer(200, body, { 'content-type': TYPES[stream.kind], 'content-length': String(stream.size) });
}

function notYet(settings: HttpSettings, status: JobStatus): Response {
  return toJson(202, toView(settings, status), { location: pathOf(settings, status.id), 'retry-after': '1' });
}

function withoutResult(settings: HttpSettings, { id, status, error }: JobStatus): Problem {
  return failed(settings, status === 'failed' ? 'task_failed' : (status as ProblemCode), id, error);
}

/** @param error - the job's own; its stack stays here. */
function failed({ showJobErrors }: HttpSettings, code: string, job: string, error: unknown): Problem {
  const { name, message, code: own } = (error ?? {}) as { readonly name?: string; readonly message?: string; readonly code?: unknown };
  const shown =
    showJobErrors && message !== undefined ? { error: { name, message, ...(typeof own === 'string' ? { code: own } : {}) } } : {};
  return new Problem(code as ProblemCode, { members: { job, ...shown } });
}

/** @throws Problem `invalid_query` */
function parseWait(wait: string | undefined): number {
  if (wait === undefined) return 0;
  if (!/^\d{1,2}(?:\.\d{1,3})?$/u.test(wait) || Number(wait) > MAX_WAIT_SECONDS)
    throw new Problem('invalid_query', { detail: `wait is a number of seconds from 0 to ${MAX_WAIT_SECONDS}.` });
  return Math.round(Number(wait) * 1000);
}
