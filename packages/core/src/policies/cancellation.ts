import { CancelledError, OxbowError } from '../errors.ts';
import type { Outcome } from './outcome.ts';

/** How a job or a run was ended from outside. */
export interface Cancellation {
  /** Of the job, or of the run: everything in it. */
  readonly id: string;
  readonly end: 'cancelled' | 'expired';
  readonly reason: string;
  /** Of this job, and of nothing that belongs to it. */
  readonly alone?: boolean;
  /** What runs and does not end by itself is ended, after a grace. */
  readonly terminate?: boolean;
  /** Its last job runs, and may end otherwise yet: until then nothing else of the run is ended. */
  readonly undecided?: boolean;
}

const MAX_KNOWN = 10_000;
const PREFIX = 'cancel:';
/** What follows the id of a run (or of a job) in the ids of what belongs to it: nodes, links, error handlers, replacements. */
const BELONGS = /^(?:-|[les]\d|\.-)/u;

/** Cancelled jobs and runs that this process knows of; the oldest are forgotten. */
export class Cancellations {
  readonly #known = new Map<string, Cancellation>();

  add(cancellation: Cancellation): void {
    if (cancellation.undecided === true && this.#known.has(cancellation.id)) return;
    this.#known.set(cancellation.id, cancellation);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value as string);
  }

  /** Of the job, or of a run that it is in. */
  find(jobId: string): Cancellation | undefined {
    if (this.#known.size === 0) return undefined;
    const own = this.#known.get(jobId);
    if (own !== undefined) return own;
    for (let at = 1; at < jobId.length; at++) {
      const found = BELONGS.test(jobId.slice(at, at + 2)) ? this.#known.get(jobId.slice(0, at)) : undefined;
      if (found !== undefined && found.alone !== true && found.undecided !== true) return found;
    }
    return undefined;
  }
}

/** The reason of `ctx.signal`, and what the job ends with. */
export function toError({ end, reason }: Pick<Cancellation, 'end' | 'reason'>): OxbowError {
  return end === 'cancelled' ? new CancelledError(reason) : new OxbowError('expired', reason);
}

export function toOutcome(cancellation: Pick<Cancellation, 'end' | 'reason'>): Outcome {
  return { kind: cancellation.end, error: toError(cancellation) };
}

/** As it is broadcast to the workers of an app. */
export function toMessage(cancellation: Cancellation): string {
  return `${PREFIX}${JSON.stringify(cancellation)}`;
}

/** Undefined for what is no cancellation. */
export function fromMessage(message: string): Cancellation | undefined {
  if (!message.startsWith(PREFIX)) return undefined;
  try {
    return toCancellation(JSON.parse(message.slice(PREFIX.length)));
  } catch {
    return undefined;
  }
}

/** Of JSON that should be one; undefined when it is not. */
export function toCancellation(json: unknown): Cancellation | undefined {
  const { id, end, reason, alone, terminate, undecided } = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof id !== 'string' || typeof reason !== 'string') return undefined;
  return {
    id,
    end: end === 'expired' ? 'expired' : 'cancelled',
    reason,
    ...(alone === true ? { alone } : {}),
    ...(terminate === true ? { terminate } : {}),
    ...(undecided === true ? { undecided } : {}),
  };
}
