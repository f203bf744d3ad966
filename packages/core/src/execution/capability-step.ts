import { settingsOf, type Capability } from '../policies/capability.ts';
import type { LeaseOwner } from '../store/leases.ts';
import type { TaskDefinition } from '../task/definition.ts';
import type { Step } from './attempt.ts';

/** A capability as a step: one comparison for tasks that do not use it. */
export function capabilityStep<Given, Settings>(capability: Capability<Given, Settings>): Step {
  const { option, run } = capability;
  return {
    name: option,
    run: (attempt, next) => {
      const settings = settingsOf(attempt.definition, capability);
      if (settings === undefined || run === undefined) return next(attempt);
      const { job, given, settings: execution, context, definition } = attempt;
      const call = {
        job,
        input: given,
        task: definition as TaskDefinition,
        stores: execution.stores,
        log: execution.log,
        abort: (reason: Error) => context?.abort(reason),
        setFence: (fence: number) => context?.setFence(fence),
        waitsFor: (place: LeaseOwner) => void (attempt.waitsFor = place),
      };
      return run(call, settings, () => next(attempt));
    },
  };
}
