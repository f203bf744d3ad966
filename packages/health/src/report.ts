import type { FleetWorker, QueueReading } from '@oxbow/core/operate';

/** Of the draft `application/health+json`. */
export type Verdict = 'pass' | 'warn' | 'fail';

export type ProbeName = 'startupz' | 'livez' | 'readyz' | 'healthz';

/** What the process is doing. `running` is also a producer, which has no worker. */
export type ProcessState = 'starting' | 'running' | 'paused' | 'draining' | 'stopped';

/** One thing that was looked at, with its figures. */
export interface Check {
  readonly status: Verdict;
  /** Why it does not pass. */
  readonly reason?: string;
  readonly [figure: string]: unknown;
}

export type Checks = Readonly<Record<string, Check>>;

export interface HealthReport {
  /** The worst of the checks. */
  readonly status: Verdict;
  readonly state: ProcessState;
  /** Of your program, if it was given. */
  readonly version?: string;
  /** Of the worker, or of the first of them. */
  readonly workerId?: string;
  readonly uptimeSeconds: number;
  readonly checks: Checks;
  readonly drain: {
    /** When what still runs is put back (ISO 8601); null while nothing drains. */
    readonly deadline: string | null;
    /** Jobs that a drain waits for. */
    readonly remaining: number;
  };
  /** Of `healthz`: what the engine has of each queue; not there when it could not be read in time. */
  readonly queues?: readonly QueueReading[];
  /** Of `healthz`: the workers of the app that run now, in all processes; not there when they could not be read in time. */
  readonly workers?: readonly FleetWorker[];
}

export function worstOf(checks: Checks): Verdict {
  const verdicts = Object.values(checks).map(({ status }) => status);
  return verdicts.includes('fail') ? 'fail' : verdicts.includes('warn') ? 'warn' : 'pass';
}
