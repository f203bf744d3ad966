import { InvalidCanvasError } from '../errors.ts';
import { parseTree, type ForeignRules } from './foreign-tree.ts';
import { GroupSignature } from './group.ts';
import type { CanvasRunner } from './run-handle.ts';
import { Signature } from './signature.ts';
import { TaskSignature } from './task-signature.ts';

/**
 * The signature that was written down as JSON: its text, or what JSON.parse made of it. The caller says what it takes and gives.
 * @throws InvalidCanvasError with the path of what no builder makes, and of tasks that the app has not
 */
export function fromJson<In, Out>(json: unknown, runner: CanvasRunner, rules: ForeignRules): Signature<In, Out> {
  const parts = { tree: parseTree(typeof json === 'string' ? parsed(json) : plain(json), rules), runner };
  if (parts.tree.type === 'task') return new TaskSignature(parts);
  return parts.tree.type === 'group' ? new GroupSignature<In, unknown[], Out>(parts) : new Signature(parts);
}

/** A signature itself is as good as its JSON. */
function plain(json: unknown): unknown {
  return Signature.is(json) ? json.toJSON() : json;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidCanvasError('', `This text is no JSON: ${(error as Error).message}`);
  }
}
