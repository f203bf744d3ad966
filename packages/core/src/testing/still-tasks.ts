import type { App } from '../app.ts';
import type { Task } from '../client/task.ts';

/** What both workers of two-attempts.contract.ts know. */
export function declareStill(
  app: App,
  run: () => string | Promise<string>,
): { readonly first: Task<void, string>; readonly echo: Task<string, string> } {
  return {
    first: app.task('first', { queue: 'work', run: () => run() }),
    echo: app.task('echo', { queue: 'work', run: (input: string) => input }),
  };
}
