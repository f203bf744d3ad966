import type { JobHandle, JobStatus } from '@oxbow/core';
import { refusalOf, type Action } from './access.ts';
import type { HttpSettings } from './options.ts';
import { Problem, toProblem } from './problem.ts';

/** A job that the client may see. */
export interface Seen {
  readonly handle: JobHandle;
  readonly status: JobStatus;
}

/**
 * The job that a request names, in one look-up. One of a task that is not listed is no job here, as is what is not of a job's form.
 * Resolves to the answer when `authorize` gave one.
 * @throws Problem `unknown_job`, `result_expired`, `forbidden`
 */
export async function seeJob(settings: HttpSettings, request: Request, id: string, action: Action): Promise<Seen | Response> {
  const found = await find(settings, id);
  const task = found instanceof Problem ? undefined : found.status.task;
  const refused = await refusalOf(settings.authorize, request, { action, task, id });
  if (refused !== undefined) return refused;
  if (found instanceof Problem) throw found;
  return found;
}

/** A job that is gone has no task any more: only that it was there is known. */
async function find({ app, tasks }: HttpSettings, id: string): Promise<Seen | Problem> {
  try {
    const handle = app.handle(id);
    const status = await handle.status();
    return tasks.has(status.task) ? { handle, status } : new Problem('unknown_job');
  } catch (error) {
    const problem = toProblem(error);
    if (problem !== undefined && GONE.has(problem.code)) return problem;
    throw error;
  }
}

const GONE: ReadonlySet<string> = new Set(['unknown_job', 'result_expired']);

/** A status as clients get it: times as ISO texts, an error only when it may be shown. */
export function toView({ showJobErrors }: Pick<HttpSettings, 'showJobErrors'>, status: JobStatus): JobStatus {
  const { error } = status;
  return error === undefined || showJobErrors
    ? status
    : { ...status, error: { name: 'Error', message: 'The job failed.', code: undefined } };
}

/** Where a job is, for `Location` and links. */
export function pathOf({ basePath }: Pick<HttpSettings, 'basePath'>, id: string): string {
  return `${basePath}/jobs/${encodeURIComponent(id)}`;
}

/** `succeeded`, `failed`, `cancelled`, `expired`, `skipped`: nothing follows. */
export function hasEnded({ status }: JobStatus): boolean {
  return ENDS.has(status);
}

const ENDS: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'expired', 'skipped']);
