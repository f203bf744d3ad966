import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { App } from '../app.ts';
import type { Task } from '../client/task.ts';
import type { FixtureConfig } from './fixture-process.ts';

/** Tasks of numbers, which write into the ledger what they do. */
export interface MortalTasks {
  /** Fails for good until the app is repaired; then it writes `revived`. */
  readonly died: Task<number, void>;
  /** At most once, and at least once. */
  readonly once: Task<number, void>;
  readonly often: Task<number, void>;
  /** Ends its process. */
  readonly poison: Task<number, void>;
}

export function mortalTasks(app: App, { ledger, queue }: FixtureConfig, repaired = false): MortalTasks {
  const write = (word: string, n: number): void => appendFileSync(ledger, `${word} ${n}\n`);
  const effect = async (word: string, n: number): Promise<void> => {
    write(word, n);
    await wait(5 + Math.random() * 30);
  };
  return {
    died: app.task('died', {
      queue,
      run: (n: number): void => {
        write(repaired ? 'revived' : 'died', n);
        if (!repaired) throw new RangeError(`number ${n}`);
      },
    }),
    once: app.task('once', { queue, delivery: 'at-most-once', run: (n: number) => effect('once', n) }),
    often: app.task('often', { queue, run: (n: number) => effect('often', n) }),
    poison: app.task('poison', {
      queue,
      run: async (n: number): Promise<void> => {
        write('poison', n);
        process.kill(process.pid, 'SIGKILL');
        await wait(10_000);
      },
    }),
  };
}
