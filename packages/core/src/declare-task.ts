import type { Contract, Task } from './client/task.ts';
import type { ContractOptions, PlainTaskOptions, ResultOf, SchemaTaskOptions } from './task-options.ts';
import type { InputOf, OutputOf, Schema } from './task/schema.ts';

/** Declares tasks; `app.task` and `app.preset(…).task`. */
export interface DeclareTask<Deps, Extra extends object> {
  /** A task whose input is checked by a schema. @throws OxbowError `invalid_options`, `invalid_name`, `duplicate_task` */
  <In extends Schema, Returned, Out extends Schema | undefined = undefined, const State extends string = never>(
    name: string,
    options: SchemaTaskOptions<In, Out, Returned, Deps, State> & Extra,
  ): Task<InputOf<In>, ResultOf<Out, Returned>>;
  /** A task whose input is only typed. */
  <In, Returned, Out extends Schema | undefined = undefined, const State extends string = never>(
    name: string,
    options: PlainTaskOptions<In, Out, Returned, Deps, State> & Extra,
  ): Task<In, ResultOf<Out, Returned>>;
  /** A task without a handler: producers import it without the code that runs it. `.implement(run)` adds the handler. */
  readonly contract: <In extends Schema, Out extends Schema, const State extends string = never>(
    name: string,
    options: ContractOptions<In, Out, State> & Extra,
  ) => Contract<InputOf<In>, OutputOf<In>, InputOf<Out>, ResultOf<Out, never>, Deps, State>;
}

/** Defaults for a family of tasks. A task's own option replaces the preset's, whole. */
export interface Preset<Deps, Extra extends object> {
  readonly task: DeclareTask<Deps, Extra>;
}
