import type { KeepJobs, MinimalJob } from 'bullmq';
import type { ScriptArgument } from './script-call.ts';

/** BullMQ's moveToFinished has so many keys, and behind them so many arguments, of which it leaves the last out when it has none. */
export const FINISH = { keys: 14, arguments: 9 } as const;

/** Its keys, and its arguments, as many as there can be: behind them come those of a script around it. */
export function finishParts(args: readonly ScriptArgument[]): {
  readonly keys: readonly ScriptArgument[];
  readonly own: readonly ScriptArgument[];
} {
  const { keys, arguments: count } = FINISH;
  return { keys: args.slice(0, keys), own: Array.from({ length: count }, (_, i) => args[keys + i] ?? '') };
}

/** What BullMQ's moveToFinished is called with: its keys, then its arguments. */
export type FinishArguments = (string | number | boolean | Buffer)[];

const PLACE = { job: 11, id: 14, timestamp: 15, value: 17, fetchNext: 19 } as const;
const POLICIES = ['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure'] as const;
/** Tokens are made anew whenever a lane has waited: most of an idle worker's are used once. */
const MOST_TOKENS = 1000;

interface Completion {
  readonly job: MinimalJob;
  /** JSON; undefined for no value. */
  readonly value: string | undefined;
  readonly remove: boolean | number | KeepJobs;
  readonly token: string;
  readonly timestamp: number;
  readonly fetchNext: boolean;
}

interface Known {
  readonly remove: Completion['remove'];
  readonly attempts: number | undefined;
  readonly finishing: FinishArguments;
}

/**
 * Arguments with which jobs complete. A slot that goes from job to job has the same token, lock, limits and retention again: BullMQ packs
 * them anew at each of its jobs, 5 µs each time.
 */
export class Completions {
  readonly #make: (completion: Completion) => FinishArguments;
  readonly #toKey: (id: string) => string;
  /** Undefined for a token that was used once. */
  #known = new Map<string, Known | undefined>();

  /** @param make - makes them as BullMQ does. */
  constructor(make: (completion: Completion) => FinishArguments, toKey: (id: string) => string) {
    this.#make = make;
    this.#toKey = toKey;
  }

  of(completion: Completion): FinishArguments {
    const { job, remove, token } = completion;
    if (hasFailurePolicy(job)) return this.#make(completion);
    const known = this.#known.get(token);
    if (known === undefined || known.remove !== remove || known.attempts !== job.opts.attempts) {
      const finishing = this.#make(completion);
      if (this.#known.size >= MOST_TOKENS) this.#known = new Map();
      this.#known.set(token, this.#known.has(token) ? { remove, attempts: job.opts.attempts, finishing } : undefined);
      return finishing;
    }
    const id = job.id ?? '';
    const finishing = [...known.finishing];
    finishing[PLACE.job] = this.#toKey(id);
    finishing[PLACE.id] = id;
    finishing[PLACE.timestamp] = completion.timestamp;
    finishing[PLACE.value] = completion.value ?? 'null';
    finishing[PLACE.fetchNext] = completion.fetchNext ? 1 : 0;
    return finishing;
  }
}

/** What its failure does to its parent is packed, too. */
function hasFailurePolicy({ opts }: MinimalJob): boolean {
  return POLICIES.some((policy) => opts[policy]);
}
