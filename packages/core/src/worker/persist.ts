import { setTimeout as wait } from 'node:timers/promises';
import { LockLostError } from '../errors.ts';
import type { Attempt } from '../execution/attempt.ts';
import { isAway } from '../policies/store-away.ts';

const RETRY_MS = 500;

/** Calls a store that must have something before its job can end, which waits for the engine too; until another worker may have the job. */
export async function persist<T>({ context }: Attempt, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (thrown) {
      if (!isAway(thrown) || context?.abortReason instanceof LockLostError) throw thrown;
      await wait(RETRY_MS);
    }
  }
}
