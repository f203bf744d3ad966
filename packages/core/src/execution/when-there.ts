import { setTimeout as wait } from 'node:timers/promises';
import { isAway } from '../policies/store-away.ts';

const RETRY_MS = 500;

/**
 * What must be written before a job can end is tried again until the engine has it: it is away, or refuses, and could not end the job
 * either. @param stopped - gives up, and rejects as the last try did.
 */
export async function whenThere<T>(call: () => Promise<T>, stopped: () => boolean = () => false): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (stopped() || !isAway(error)) throw error;
    }
    await wait(RETRY_MS, undefined, { ref: false });
  }
}
