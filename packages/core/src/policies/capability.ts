import type * as z from 'zod/mini';
import type { ActiveJob, Engine } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import type { SignalBus } from '../signals.ts';
import type { LeaseOwner } from '../store/leases.ts';
import type { Stores } from '../store/stores.ts';
import type { TaskDefinition } from '../task/definition.ts';
import type { Outcome } from './outcome.ts';

/** One attempt as a capability sees it. */
export interface CapabilityCall {
  readonly job: ActiveJob;
  /** In the form that producers give. */
  readonly input: unknown;
  readonly engine: Engine;
  readonly task: Pick<TaskDefinition, 'name' | 'capabilities'>;
  readonly stores: Stores;
  readonly log: Logger;
  readonly signals: SignalBus;
  /** Aborts `ctx.signal`; the first reason stands. */
  readonly abort: (reason: Error) => void;
  /** What handlers get as `ctx.fence`. */
  readonly setFence: (fence: number) => void;
  /** Of an attempt that ends as put back: for what the job waits. It is promoted when that was handed to it. */
  readonly waitsFor: (place: LeaseOwner) => void;
}

/**
 * What a task switches on with one option. The file that makes it is all there is to read about it: its option, what it promises,
 * and what it does around an enqueue or an attempt.
 */
export interface Capability<Given, Settings> {
  /** The task option that it owns. */
  readonly option: string;
  /** @internal */
  readonly schema: z.ZodMiniType<Given>;
  /** What the option comes to. @throws OxbowError `invalid_options` */
  readonly resolve: (given: Given, task: string) => Settings;
  /** Wraps the attempts of tasks that use it; what is thrown counts as thrown by the handler. */
  readonly run?: (call: CapabilityCall, settings: Settings, next: () => Promise<Outcome>) => Promise<Outcome>;
  /**
   * Called when the engine has the end of a job of such a task, whatever it was; not waited for, and not called when the process dies first:
   * nothing may depend on it but speed and space.
   */
  readonly ended?: (call: CapabilityCall, settings: Settings) => Promise<void> | undefined;
}

/** Undefined when the task does not use it, which is all that costs a task that does not. */
export function settingsOf<Given, Settings>(
  task: Pick<TaskDefinition, 'capabilities'> | undefined,
  { option }: Capability<Given, Settings>,
): Settings | undefined {
  return task?.capabilities[option] as Settings | undefined;
}
