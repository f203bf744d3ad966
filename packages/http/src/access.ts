import { Problem } from './problem.ts';

/** What a request wants to do. */
export type Action = 'enqueue' | 'status' | 'result' | 'events' | 'cancel';

export interface Access {
  readonly action: Action;
  /** Undefined: no task, or job of a task, that the handler was given. Whoever is let through is told so by a 404. */
  readonly task: string | undefined;
  /** Public id of the job; undefined for `enqueue`. */
  readonly id: string | undefined;
}

/**
 * Decides on one request: `true` lets it through, a Response is the answer, all else is a 403. Its error is a 500. Read a body from
 * `request.clone()` only.
 */
export type Authorize = (request: Request, access: Access) => boolean | Response | Promise<boolean | Response>;

/** Resolves to the answer when the request is not let through by a Response. @throws Problem `forbidden` */
export async function refusalOf(authorize: Authorize | undefined, request: Request, access: Access): Promise<Response | undefined> {
  if (authorize === undefined) return undefined;
  const verdict: unknown = await authorize(request, access);
  if (verdict === true) return undefined;
  if (isResponse(verdict)) return verdict;
  throw new Problem('forbidden');
}

/** Of any realm or package: hosts bring their own. */
function isResponse(verdict: unknown): verdict is Response {
  return typeof verdict === 'object' && verdict !== null && 'status' in verdict && 'headers' in verdict;
}
