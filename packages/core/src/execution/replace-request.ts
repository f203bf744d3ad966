import { compileReplacement } from '../canvas/compile.ts';
import type { Plan } from '../canvas/plan.ts';
import type { Tree } from '../canvas/tree.ts';
import { OxbowError } from '../errors.ts';
import type { CanvasRuntime } from './canvas-runtime.ts';

/** Thrown by `ctx.replace`. */
export class ReplaceRequest extends OxbowError {
  readonly plan: Plan;

  constructor(plan: Plan) {
    super('non_retryable', 'The job is replaced by a signature: let what ctx.replace() throws pass.');
    this.plan = plan;
  }
}

/** @throws InvalidCanvasError; OxbowError `invalid_options` */
export function toReplacement(signature: unknown, runtime: CanvasRuntime, queue: string): ReplaceRequest {
  const { toJSON } = (signature ?? {}) as { readonly toJSON?: unknown };
  if (typeof toJSON !== 'function')
    throw new OxbowError('invalid_options', 'ctx.replace() takes a signature, as task.s(), chain(), group() or chord() gives.');
  return new ReplaceRequest(compileReplacement((signature as { toJSON(): Tree }).toJSON(), runtime.compile, queue));
}
