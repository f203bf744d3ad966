import { assertFed } from '../canvas/first-tasks.ts';
import { adopted, Signature } from '../canvas/signature.ts';
import { parseRunOptions } from '../canvas/signature-options.ts';
import type { RunOptions } from '../canvas/tree.ts';
import { OxbowError } from '../errors.ts';
import type { EnqueueOrder } from '../execution/canvas-runtime.ts';
import type { CanvasClient } from './canvas-client.ts';
import type { EnqueueOptions } from './enqueue.ts';
import { Task } from './task.ts';

/** `ctx.enqueue`: a task or a signature under a computed id. @throws OxbowError `invalid_options` for anything else */
export async function enqueueChild(client: CanvasClient, { id, at, target, args, again }: EnqueueOrder): Promise<{ readonly id: string }> {
  const [input, options] = args;
  if (target instanceof Task) return target.enqueueAs({ id, at }, input, options as EnqueueOptions | undefined);
  if (!Signature.is(target)) throw new OxbowError('invalid_options', 'ctx.enqueue() takes a task or a signature.');
  const { given, tx } = parseRunOptions(options as RunOptions | undefined, 'ctx.enqueue() of a canvas');
  const tree = adopted(target, client).toJSON();
  assertFed(tree, input);
  return client.enqueueAs({ id, at, again, tx }, tree, input, given);
}
