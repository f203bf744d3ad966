import { OxbowError, type InvalidInputError, type NotUniqueError, type SerializationError } from '@oxbow/core';
import { toJson } from './answer.ts';
import { problemCodes, type ProblemCode } from './problem-codes.ts';

/** Enough to see what is wrong: a body can have as many errors as it has items. */
const MAX_ISSUES = 50;
const MAX_TEXT = 300;
const RETRY_AFTER_SECONDS = '5';

export interface ProblemOptions {
  /** For whoever reads the answer; never holds what a request has sent in, nor what an error said that was not the job's own. */
  readonly detail?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem document. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** An answer that refuses, as a document of RFC 9457. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly options: ProblemOptions;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(code);
    this.code = code;
    this.options = options;
  }

  get status(): number {
    return problemCodes[this.code].status;
  }

  /** @param pages - the address of a page that explains the codes; without one types are URNs. */
  document(pages: string | undefined): Readonly<Record<string, unknown>> {
    const { status, title } = problemCodes[this.code];
    const { detail, members } = this.options;
    const type = pages === undefined ? `urn:oxbow:problem:${this.code}` : `${pages}#${this.code}`;
    return { type, title, status, code: this.code, ...(detail === undefined ? {} : { detail }), ...members };
  }

  response(pages: string | undefined): Response {
    return toJson(this.status, this.document(pages), { 'content-type': 'application/problem+json', ...this.options.headers });
  }
}

/** What an error of the engine or of an enqueue is to a client. Undefined: nothing that a client should know of. */
export function toProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (!OxbowError.is(error)) return undefined;
  switch (error.code) {
    case 'invalid_input': {
      const { issues } = error as InvalidInputError;
      const shown = issues
        .slice(0, MAX_ISSUES)
        .map(({ path, message }) => ({ path: path.slice(0, MAX_TEXT), message: message.slice(0, MAX_TEXT) }));
      return new Problem('invalid_input', { members: { issues: shown } });
    }
    case 'serialization':
    case 'payload_too_large':
      return new Problem(error.code, { detail: `At ${(error as SerializationError).path.slice(0, MAX_TEXT)}.` });
    case 'not_unique':
      return new Problem('not_unique', { members: { job: (error as NotUniqueError).jobId } });
    default:
      return Object.hasOwn(problemCodes, error.code) ? toPlainProblem(error.code as ProblemCode) : undefined;
  }
}

/** With nothing but its code; what is away for now may be asked again. */
export function toPlainProblem(code: ProblemCode): Problem {
  return new Problem(code, problemCodes[code].status === 503 ? { headers: { 'retry-after': RETRY_AFTER_SECONDS } } : {});
}
