import type { Orders } from './orders.ts';

let reached = 0;

/** The raw side's crash point: SIGKILLs this process the n-th time that it comes by. */
export function dieHere(dieAt: Orders['dieAt'], name: string): void {
  if (dieAt?.name !== name) return;
  reached++;
  if (reached === dieAt.time) process.kill(process.pid, 'SIGKILL');
}
