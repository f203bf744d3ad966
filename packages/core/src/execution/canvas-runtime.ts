import type { CompileSettings } from '../canvas/compile.ts';
import type { Engine } from '../engine/engine.ts';
import type { Cancellations } from '../policies/cancellation.ts';
import type { StoredResults } from '../results/stored-results.ts';
import type { FlowAdder } from './flow-adder.ts';
import type { PlanCache } from './plan-cache.ts';

/** What jobs of runs need beside the handler; shared by all workers of a process. */
export interface CanvasRuntime {
  readonly engine: Engine;
  readonly flows: FlowAdder;
  readonly plans: PlanCache;
  readonly compile: CompileSettings;
  readonly cancellations: Cancellations;
  readonly results: StoredResults;
  /**
   * Enqueues a task or a signature under an id of the caller's choosing.
   * @param again - it may have been enqueued before: then nothing is added.
   */
  readonly enqueueAs: (order: EnqueueOrder) => Promise<{ readonly id: string }>;
  /** A task or a signature that was sent by its name or its JSON. @throws InvalidCanvasError; OxbowError `unknown_task` */
  readonly received: (target: { readonly task: string } | { readonly signature: unknown }) => unknown;
}

export interface EnqueueOrder {
  readonly id: string;
  /** When the job was enqueued that gives it: the same for all its attempts. */
  readonly at: number;
  /** A task, or a signature. */
  readonly target: unknown;
  /** What its `enqueue` takes. */
  readonly args: readonly unknown[];
  readonly again: boolean;
}
