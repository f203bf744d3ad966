import type { TaskDefinition } from '../task/definition.ts';

/** What the modules that a child loads have declared. */
export interface Declared {
  add(app: string, definition: TaskDefinition): void;
  find(app: string, task: string): TaskDefinition | undefined;
}

/** Of any copy of this package. */
const MARK = Symbol.for('oxbow.isolated-child');

interface Marked {
  [MARK]?: Declared;
}

/** In the child of an isolated task: where apps show their tasks. Undefined in every other process and thread. */
export function insideChild(): Declared | undefined {
  return (globalThis as Marked)[MARK];
}

/** Makes this process, or thread, a child; before any app is made. */
export function becomeChild(): Declared {
  const apps = new Map<string, Map<string, TaskDefinition>>();
  const declared: Declared = {
    add: (app, definition) => {
      const tasks = apps.get(app) ?? new Map<string, TaskDefinition>();
      apps.set(app, tasks.set(definition.name, definition));
    },
    find: (app, task) => apps.get(app)?.get(task),
  };
  (globalThis as Marked)[MARK] = declared;
  return declared;
}
