import type { Plan } from '../canvas/plan.ts';
import type { ActiveJob, FlowJob } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import type { LastChance } from '../policies/crash-limit.ts';
import type { Outcome } from '../policies/outcome.ts';
import { once } from '../policies/once.ts';
import type { AttemptCall, Policy } from '../policies/policy.ts';
import type { DeadLetterLimits } from '../store/dead-letters.ts';
import type { SignalBus } from '../signals.ts';
import type { LeaseOwner } from '../store/leases.ts';
import type { Stores } from '../store/stores.ts';
import type { Isolation, TaskDefinition } from '../task/definition.ts';
import type { Envelope, FailureOrigin } from '../task/envelope.ts';
import type { PayloadLimits } from '../task/payload.ts';
import type { CanvasJob } from './canvas-job.ts';
import type { CanvasRuntime } from './canvas-runtime.ts';
import type { AttemptContext } from './context.ts';

/** What attempts of one worker share. */
export interface ExecutionSettings {
  /** Its name. */
  readonly app: string;
  readonly log: Logger;
  readonly deps: unknown;
  readonly limits: PayloadLimits;
  readonly maxResultBytes: number;
  readonly maxCrashes: number;
  readonly lastChance: LastChance;
  readonly unknownTaskGraceMs: number;
  /** Undefined when this worker does not run the task. */
  readonly task: (name: string) => TaskDefinition | undefined;
  readonly canvas: CanvasRuntime;
  readonly stores: Stores;
  readonly children: IsolatedChildren | undefined;
  readonly signals: SignalBus;
  /** Undefined: there are none. */
  readonly deadLetters: DeadLetterLimits | undefined;
}

/**
 * One attempt on its way through the pipeline; steps fill in what later steps read. A class: V8 comes to make literals that are made at every job where
 * only a full collection finds them, with all that they lead to (docs/decisions/0026-collections.md).
 */
export class Attempt {
  readonly job: ActiveJob;
  readonly settings: ExecutionSettings;
  definition: TaskDefinition | undefined = undefined;
  envelope: Envelope | undefined = undefined;
  /** Of a job of a run. */
  canvas: CanvasJob | undefined = undefined;
  context: AttemptContext | undefined = undefined;
  /** As policies have seen it. */
  call: AttemptCall | undefined = undefined;
  /** The schema's input form, then its output form. */
  input: unknown = undefined;
  /** The input in the form that producers give. */
  given: unknown = undefined;
  /** The outcome is what is recorded under the job's idempotency key: it was checked when it was recorded. */
  replayed: boolean = false;
  /** The outcome is a reference to what lies in the result store. */
  stored: boolean = false;
  /** Of a join: some of what it gathered came from the result store. */
  fromStore: boolean = false;
  /** Of a join that fails because its members did. */
  origins: readonly FailureOrigin[] | undefined = undefined;
  /** What the handler asked to be replaced by. */
  replacement: Plan | undefined = undefined;
  /** What follows it in its run: added when it completes, in one step. */
  following: readonly FlowJob[] | undefined = undefined;
  /** To be called when the engine has the end of the job. */
  readonly afterwards: (() => Promise<void> | undefined)[] = [];
  /** While the handler runs: gives its outcome for it (endAttempt does). */
  end: ((error: Error) => void) | undefined = undefined;
  /** What the attempt was ended with before its handler did. */
  ended: Error | undefined = undefined;
  /** The handler of an attempt that was ended before it. Never rejects. */
  unsettled: Promise<unknown> | undefined = undefined;
  /** Where the handler runs when it is not here. */
  isolated: IsolatedHandler | undefined = undefined;
  /** Of a job that is a dead letter now. */
  buried: Buried | undefined = undefined;
  /** For what a job that is put back waits. */
  waitsFor: LeaseOwner | undefined = undefined;

  constructor(job: ActiveJob, settings: ExecutionSettings) {
    this.job = job;
    this.settings = settings;
  }
}

/** What a worker tells of a dead letter. */
export interface Buried {
  readonly fingerprint: string;
  /** Letters of this fingerprint. */
  readonly count: number;
  readonly reason: 'error' | 'poison' | 'lost-worker';
}

/** A handler in a process or thread of its own. */
export interface IsolatedHandler {
  call(input: unknown): Promise<unknown>;
  /** Resolves when it has ended. */
  kill(): Promise<void>;
  /** The attempt is over. */
  release(): void;
}

/** Where isolated handlers run. */
export interface IsolatedChildren {
  /** @throws what the task's module threw when it was loaded; IsolatedTaskDiedError */
  lease(isolation: Isolation, attempt: Attempt): Promise<IsolatedHandler>;
}

export type Next = (attempt: Attempt) => Promise<Outcome>;

/** Returns an outcome of its own or what `next` gives. */
export type Run = (attempt: Attempt, next: Next) => Promise<Outcome>;

export interface Step {
  readonly name: string;
  /** False for a task whose attempts it never touches. @defaultValue true */
  readonly isFor?: (task: TaskDefinition) => boolean;
  readonly run: Run;
}

/** A user's policy as a step. */
export function policyStep(policy: Policy, wrap: NonNullable<Policy['run']>): Step {
  return {
    name: policy.name,
    run: async (attempt, next) => {
      const outcome: unknown = await wrap(
        (attempt.call ??= toCall(attempt)),
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

function toCall(attempt: Attempt): AttemptCall {
  const { job, context, definition, input } = attempt;
  return {
    id: context?.id ?? job.id,
    task: job.name,
    queue: job.queue,
    attempt: job.attemptsMade + 1,
    runId: context?.runId,
    headers: context?.headers ?? {},
    input,
    options: definition?.extra ?? {},
    bindLog: (fields) => context?.bindLog(fields),
  };
}
