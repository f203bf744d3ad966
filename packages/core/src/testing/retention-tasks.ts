import { appendFileSync } from 'node:fs';
import type { App } from '../app.ts';
import type { Task } from '../client/task.ts';
import type { FixtureConfig } from './fixture-process.ts';

/** The tasks of retention.fixture.ts, for the process that comes after it too. */
export function retentionTasks(
  app: App,
  { queue, ledger }: FixtureConfig,
): { readonly kept: Task<number, number>; readonly sum: Task<readonly number[], number> } {
  return {
    /** Its result stays for a second. */
    kept: app.task('kept', {
      queue,
      resultTtl: '1s',
      run: (n: number) => {
        appendFileSync(ledger, `ran ${n}\n`);
        return n;
      },
    }),
    sum: app.task('sum', { queue, run: (list: readonly number[]) => list.reduce((all, n) => all + n, 0) }),
  };
}
