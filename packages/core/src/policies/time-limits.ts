import * as z from 'zod/mini';
import { HardTimeLimitError, OxbowError, SoftTimeLimitError } from '../errors.ts';
import type { TimeLimits } from '../task/definition.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';

/** How long one attempt may take. */
export interface TimeLimitOptions {
  /** Then `ctx.signal` aborts with a SoftTimeLimitError. What the handler returns after that counts. @defaultValue none */
  readonly soft?: Duration;
  /** Then the attempt has failed with a HardTimeLimitError, whatever its handler still does. @defaultValue none */
  readonly hard?: Duration;
}

/** What a Node timer can wait: 24.8 days. */
const MAX_LIMIT_MS = 2 ** 31 - 1;

/** @internal The task option `timeout`: a hard limit, or both. */
export const timeoutOption: z.ZodMiniType<Duration | TimeLimitOptions> = z.union(
  [durationOption, z.strictObject({ soft: z.optional(durationOption), hard: z.optional(durationOption) })],
  "must be a duration like '30s', or { soft, hard }",
) as z.ZodMiniType<Duration | TimeLimitOptions>;

/** @throws OxbowError `invalid_options`: no limit at all, one of 0 or of more than 24 days, soft not below hard */
export function resolveTimeLimits(option: Duration | TimeLimitOptions | undefined, task: string): TimeLimits | undefined {
  if (option === undefined) return undefined;
  const { soft, hard } = typeof option === 'object' ? option : { soft: undefined, hard: option };
  const softMs = resolveLimit(soft, `task "${task}": timeout.soft`);
  const hardMs = resolveLimit(hard, `task "${task}": ${typeof option === 'object' ? 'timeout.hard' : 'timeout'}`);
  if (softMs === undefined && hardMs === undefined)
    throw new OxbowError('invalid_options', `task "${task}": timeout needs soft, hard, or both.`);
  if (softMs !== undefined && hardMs !== undefined && softMs >= hardMs)
    throw new OxbowError('invalid_options', `task "${task}": timeout.soft (${softMs} ms) must be less than timeout.hard (${hardMs} ms).`);
  return { softMs, hardMs };
}

/** A duration that a timer is set to. @throws OxbowError `invalid_options` */
export function resolveLimit(duration: Duration | undefined, option: string): number | undefined {
  if (duration === undefined) return undefined;
  const ms = parseDuration(duration, option);
  if (ms > 0 && ms <= MAX_LIMIT_MS) return ms;
  throw new OxbowError('invalid_options', `${option} must be more than 0 and at most 24 days; it is ${ms} ms.`);
}

/** What limits do to an attempt. */
export interface TimeLimited {
  readonly task: string;
  readonly abort: (error: SoftTimeLimitError) => void;
  readonly end: (error: HardTimeLimitError) => void;
}

export interface LimitWatch {
  /** Of the hard limit, once its time is over: a blocked event loop lets no timer tell it. */
  readonly over: HardTimeLimitError | undefined;
  stop(): void;
}

/** Starts the time of an attempt. One timer for each limit. */
export function watchTime({ softMs, hardMs }: TimeLimits, { task, abort, end }: TimeLimited): LimitWatch {
  const startedAt = performance.now();
  const soft = softMs === undefined ? undefined : setTimeout(() => abort(new SoftTimeLimitError(task, softMs)), softMs);
  const hard = hardMs === undefined ? undefined : setTimeout(() => end(new HardTimeLimitError(task, hardMs)), hardMs);
  return {
    get over() {
      return hardMs !== undefined && performance.now() - startedAt > hardMs ? new HardTimeLimitError(task, hardMs) : undefined;
    },
    stop: () => {
      clearTimeout(soft);
      clearTimeout(hard);
    },
  };
}
