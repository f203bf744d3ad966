import type { RetryPolicy } from './retry.ts';
import type { Schema } from './schema.ts';

/** How long one attempt may take. */
export interface TimeLimits {
  readonly softMs: number | undefined;
  readonly hardMs: number | undefined;
}

/** Where a handler runs that does not run in its worker's own thread. */
export interface Isolation {
  readonly kind: 'thread' | 'process';
  /** URL of the module that declares the task. */
  readonly module: string;
  /** Makes `ctx.deps` in each child. */
  readonly startup: (() => unknown) | undefined;
  readonly shutdown: ((deps: unknown) => void | Promise<void>) | undefined;
}

/** A declared task with everything resolved. Handlers are attached later for contracts. */
export interface TaskDefinition {
  readonly name: string;
  readonly queue: string;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  readonly states: ReadonlySet<string>;
  readonly retry: RetryPolicy;
  /** What the options of Oxbow's own capabilities came to, by option name; read with `settingsOf`. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly timeLimits?: TimeLimits | undefined;
  readonly heartbeatMs?: number | undefined;
  readonly isolation?: Isolation | undefined;
  /** Options of user policies (`app.use`), as their schemas read them; by option name. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Undefined for a contract that this process does not implement. `ctx` is execution's TaskContext. */
  handler: ((input: never, ctx: never) => unknown) | undefined;
}
