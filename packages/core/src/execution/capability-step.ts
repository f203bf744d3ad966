import { settingsOf, type Capability, type CapabilityCall } from '../policies/capability.ts';
import type { TaskDefinition } from '../task/definition.ts';
import type { Attempt, Step } from './attempt.ts';

/** A capability as a step, which only attempts of tasks that use it go through. */
export function capabilityStep<Given, Settings>(capability: Capability<Given, Settings>): Step {
  const { option, run, ended } = capability;
  return {
    name: option,
    isFor: (task) => settingsOf(task, capability) !== undefined,
    run: (attempt, next) => {
      const settings = settingsOf(attempt.definition, capability);
      if (settings === undefined) return next(attempt);
      const call = toCall(attempt);
      if (ended !== undefined) attempt.afterwards.push(() => ended(call, settings));
      return run === undefined ? next(attempt) : run(call, settings, () => next(attempt));
    },
  };
}

function toCall(attempt: Attempt): CapabilityCall {
  const { job, given, settings, context, definition } = attempt;
  return {
    job,
    input: given,
    task: definition as TaskDefinition,
    engine: settings.canvas.engine,
    stores: settings.stores,
    log: settings.log,
    signals: settings.signals,
    abort: (reason) => context?.abort(reason),
    setFence: (fence) => context?.setFence(fence),
    waitsFor: (place) => void (attempt.waitsFor = place),
  };
}
