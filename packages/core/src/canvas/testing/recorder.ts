import { DEFAULT_LIMITS } from '../../task/payload.ts';
import { PLAN_VERSION } from '../plan.ts';
import type { CanvasRunner, RunHandle } from '../run-handle.ts';
import { chunked, immutable, mapped, mutable, type SignatureSource, type TaskSignature } from '../task-signature.ts';
import type { GroupSignature } from '../group.ts';
import type { Signature } from '../signature.ts';
import type { SignatureOptions, Tree } from '../tree.ts';

/** What reached an app. */
export interface Recorder extends CanvasRunner {
  readonly calls: { readonly tree: Tree; readonly input: unknown; readonly options: SignatureOptions | undefined }[];
}

/** In the place of an app: keeps what it is asked to enqueue. */
export function recorder(app = 'shop'): Recorder {
  const calls: Recorder['calls'] = [];
  return {
    app,
    calls,
    enqueue: (tree, input, options) => {
      calls.push({ tree, input, options });
      return Promise.resolve({ id: `run@${calls.length}` } as RunHandle);
    },
    plan: (_, input) => ({ v: PLAN_VERSION, shapes: [], nodes: [], root: 0, first: 0, t: 0, scopes: [], lenient: [], input }),
  };
}

/** In the place of a declared task. */
export interface TestTask {
  readonly s: (partial?: unknown) => TaskSignature<unknown, unknown>;
  /** `s(partial).receive(key)` */
  readonly under: (key: string, partial?: unknown) => Signature<unknown, unknown>;
  readonly si: (input?: unknown) => Signature<unknown, unknown>;
  readonly map: (items: unknown) => Signature<unknown, unknown[]>;
  readonly chunks: (items: unknown, size: number) => GroupSignature<unknown, unknown[][]>;
}

/** Signatures of a task that takes and gives anything. */
export function testTask(task: string, runner: CanvasRunner): TestTask {
  const source: SignatureSource = { task, runner, limits: DEFAULT_LIMITS };
  return {
    s: (partial) => mutable(source, partial),
    under: (key, partial) =>
      mutable<Record<string, unknown>, unknown>(source, partial).receive(key as never) as Signature<unknown, unknown>,
    si: (input) => immutable(source, input),
    map: (items) => mapped(source, items as unknown[]),
    chunks: (items, size) => chunked(source, items as unknown[], size),
  };
}
