import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import type { Isolation } from '../task/definition.ts';

/**
 * Runs the handler in a process or thread of its own, where a limit really stops it.
 *
 * @typeParam Deps - what handlers get as `ctx.deps`.
 */
export interface IsolateOptions<Deps = unknown> {
  /** A thread starts faster and costs less memory; only a process survives its own end for lack of memory, and can be stopped inside native code. */
  readonly kind: 'thread' | 'process';
  /** The module that declares the task, as `import.meta.url` there: each child loads it. It must not enqueue, serve or work when it is loaded. */
  readonly module: string | URL;
  /**
   * Makes `ctx.deps` in each child, before its first job; it may take 30 s. A worker's `startup` does not reach there.
   * @defaultValue none: `ctx.deps` throws OxbowError `isolated`
   */
  readonly startup?: () => Deps | Promise<Deps>;
  /**
   * Disposes of it before the child ends, which waits a second for that; a child that is killed does not.
   * @defaultValue what `startup` made disposes of itself, should it have `Symbol.asyncDispose` or `Symbol.dispose`
   */
  readonly shutdown?: (deps: Deps) => void | Promise<void>;
}

/** @internal The task option `isolate`. */
export const isolateOption: z.ZodMiniType<IsolateOptions> = z.strictObject(
  {
    kind: z.enum(['thread', 'process']),
    module: z.union([z.string(), z.instanceof(URL)], 'must be the module that declares the task, like import.meta.url'),
    startup: z.optional(z.custom<() => unknown>((value) => typeof value === 'function', 'must be a function')),
    shutdown: z.optional(z.custom<(deps: unknown) => void>((value) => typeof value === 'function', 'must be a function')),
  },
  "must be { kind: 'thread' | 'process', module: import.meta.url }",
) as z.ZodMiniType<IsolateOptions>;

/** @throws OxbowError `invalid_options` */
export function resolveIsolation(option: IsolateOptions | undefined, task: string): Isolation | undefined {
  if (option === undefined) return undefined;
  const module =
    option.module instanceof URL ? option.module.href : isAbsolute(option.module) ? pathToFileURL(option.module).href : option.module;
  if (!module.startsWith('file:'))
    throw new OxbowError(
      'invalid_options',
      `task "${task}": isolate.module must be a file: URL, like import.meta.url, or an absolute path.`,
    );
  return { kind: option.kind, module, startup: option.startup, shutdown: option.shutdown };
}
