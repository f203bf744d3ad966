import type { Plan } from '../canvas/plan.ts';
import type { ActiveJob } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import type { Outcome } from '../policies/outcome.ts';
import { once } from '../policies/once.ts';
import type { Policy } from '../policies/policy.ts';
import type { TaskDefinition } from '../task/definition.ts';
import type { Envelope, FailureOrigin } from '../task/envelope.ts';
import type { PayloadLimits } from '../task/payload.ts';
import type { CanvasJob } from './canvas-job.ts';
import type { CanvasRuntime } from './canvas-runtime.ts';
import type { AttemptContext } from './context.ts';

/** What attempts of one worker share. */
export interface ExecutionSettings {
  readonly log: Logger;
  readonly deps: unknown;
  readonly limits: PayloadLimits;
  readonly maxResultBytes: number;
  readonly maxCrashes: number;
  readonly unknownTaskGraceMs: number;
  /** Undefined when this worker does not run the task. */
  readonly task: (name: string) => TaskDefinition | undefined;
  readonly canvas: CanvasRuntime;
}

/** One attempt on its way through the pipeline; steps fill in what later steps read. */
export interface Attempt {
  readonly job: ActiveJob;
  readonly settings: ExecutionSettings;
  definition: TaskDefinition | undefined;
  envelope: Envelope | undefined;
  /** Of a job of a run. */
  canvas: CanvasJob | undefined;
  context: AttemptContext | undefined;
  input: unknown;
  /** Of a join that fails because its members did. */
  origins: readonly FailureOrigin[] | undefined;
  /** What the handler asked to be replaced by. */
  replacement: Plan | undefined;
}

export function newAttempt(job: ActiveJob, settings: ExecutionSettings): Attempt {
  return {
    job,
    settings,
    definition: undefined,
    envelope: undefined,
    canvas: undefined,
    context: undefined,
    input: undefined,
    origins: undefined,
    replacement: undefined,
  };
}

export type Next = (attempt: Attempt) => Promise<Outcome>;

/** Returns an outcome of its own or what `next` gives. */
export type Run = (attempt: Attempt, next: Next) => Promise<Outcome>;

export interface Step {
  readonly name: string;
  readonly run: Run;
}

/** A user's policy as a step. */
export function policyStep(policy: Policy, wrap: NonNullable<Policy['run']>): Step {
  return {
    name: policy.name,
    run: async (attempt, next) => {
      const outcome: unknown = await wrap(
        toCall(attempt),
        once(policy.name, () => next(attempt)),
      );
      if (isOutcome(outcome)) return outcome;
      throw new Error(`Policy "${policy.name}" must return what next() gave, or an outcome of its own.`);
    },
  };
}

const KINDS: Readonly<Record<Outcome['kind'], true>> = {
  succeeded: true,
  failed: true,
  retry: true,
  'put-back': true,
  cancelled: true,
  expired: true,
  replaced: true,
};

function isOutcome(value: unknown): value is Outcome {
  return typeof value === 'object' && value !== null && 'kind' in value && Object.hasOwn(KINDS, value.kind as PropertyKey);
}

function toCall(attempt: Attempt): Parameters<NonNullable<Policy['run']>>[0] {
  const { job, context, definition, input } = attempt;
  return {
    id: context?.id ?? job.id,
    task: job.name,
    queue: job.queue,
    attempt: job.attemptsMade + 1,
    headers: context?.headers ?? {},
    input,
    options: definition?.extra ?? {},
  };
}
