import { codeOf } from './postgres-errors.ts';

/** Each time the server takes its `deadlock_timeout` (1 s) to see the ring. */
const TRIES = 5;

/**
 * Of transactions that wait for each other in a ring the server ends one, and nothing of it was carried out: that one is tried again. Its
 * caller would take the deadlock for a refusal, and BullMQ fails a job whose end is refused.
 */
export async function despiteDeadlocks<T>(transact: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await transact();
    } catch (error) {
      if (codeOf(error) !== '40P01' || tries === TRIES) throw error;
    }
  }
}
