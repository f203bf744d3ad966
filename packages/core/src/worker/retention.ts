import type { KeepFinished, LaneOptions } from '../engine/engine.ts';
import { resultTtls } from '../policies/result-ttl.ts';
import type { DeadLetterLimits } from '../store/dead-letters.ts';
import type { FinishedKind, KeepLimits } from '../store/retention.ts';
import type { TaskDefinition } from '../task/definition.ts';

/** What an app keeps of finished jobs. */
export interface Retention {
  readonly retention: Readonly<Record<FinishedKind, KeepLimits>>;
  /** Of queues that have their own. */
  readonly queueRetention: ReadonlyMap<string, Readonly<Record<FinishedKind, KeepLimits>>>;
  /** Undefined: there are none. */
  readonly deadLetters: DeadLetterLimits | undefined;
}

/**
 * What BullMQ itself lets go whenever a job ends: it knows two kinds, and neither dead letters nor tasks. So it is told of no limit that
 * would take a job which another limit keeps; the janitor holds the rest.
 *
 * @param queue - where jobs end
 */
export function engineRetention(
  { retention, queueRetention, deadLetters }: Retention,
  tasks: Iterable<TaskDefinition>,
  queue: string,
): Pick<LaneOptions, 'keepSucceeded' | 'keepFailed'> {
  const { succeeded, failed, cancelled } = queueRetention.get(queue) ?? retention;
  const longest = Math.max(0, ...resultTtls(tasks));
  const isOutlived = succeeded.ageMs !== undefined && longest > succeeded.ageMs;
  const isOneKind = deadLetters === undefined && failed.count === cancelled.count;
  return {
    keepSucceeded: isOutlived ? toKeep({ ageMs: longest }) : toKeep(succeeded),
    keepFailed: toKeep({
      ...atLeast(failed, cancelled, deadLetters),
      ...(isOneKind && failed.count !== undefined ? { count: failed.count } : {}),
    }),
  };
}

/** The longest age of all that are kept for a time. */
function atLeast(...limits: readonly (KeepLimits | undefined)[]): KeepLimits {
  const ages = limits.flatMap((one) => (one === undefined ? [] : [one.ageMs]));
  return ages.includes(undefined) ? {} : { ageMs: Math.max(...(ages as number[])) };
}

function toKeep({ ageMs, count }: KeepLimits): KeepFinished {
  return {
    ...(ageMs === undefined ? {} : { ageSeconds: Math.max(1, Math.ceil(ageMs / 1000)) }),
    ...(count === undefined ? {} : { count }),
  };
}
