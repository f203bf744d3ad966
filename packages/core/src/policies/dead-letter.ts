import * as z from 'zod/mini';
import type { Capability } from './capability.ts';

/** `deadLetter: false`: finally failed jobs of the task are no dead letters, and go with `retention.failed`. */
export const deadLetter: Capability<boolean, boolean> = {
  option: 'deadLetter',
  schema: z.boolean(),
  resolve: (given) => given,
};

/** Why a job is a dead letter: its handler, or what it came with, failed; it took workers down; its worker was lost. */
export type DeadLetterReason = 'error' | 'poison' | 'lost-worker';

/** By the code of the error that it ended with. */
export function reasonOf(code: string | undefined): DeadLetterReason {
  if (code === 'too_many_crashes' || code === 'too_often_blocked') return 'poison';
  return code === 'lost_worker' ? 'lost-worker' : 'error';
}
