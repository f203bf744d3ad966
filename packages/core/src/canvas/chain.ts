import { chainOf } from './compose.ts';
import type { AnySignature, First, Fitting, GivenBy, Last, TakenBy } from './fit.ts';
import { partsOf, Signature } from './signature.ts';

/**
 * Runs its steps one after another, each on what the one before gives. What it gives is what its last step gives.
 * @throws InvalidCanvasError without any step, for a step that is no signature, and for signatures of two apps
 */
export function chain<const Steps extends readonly [AnySignature, ...AnySignature[]]>(
  ...steps: Steps & Fitting<Steps>
): Signature<TakenBy<First<Steps>>, GivenBy<Last<Steps>>> {
  const { trees, runner } = partsOf(steps, (index) => `steps.${index}`);
  return new Signature({ tree: chainOf(trees), runner });
}
