import { randomUUID } from 'node:crypto';
import type { IQueueBackend, JobJson } from 'bullmq';
import { crashpoint } from '../crashpoint.ts';
import type { EndedHow, JobPlace } from './engine.ts';
import type { JobStore } from './job-store.ts';

/** After this a job that its taker has left behind counts as stalled, and starts. */
const LOCK_MS = 5000;

export interface Ending {
  readonly place: JobPlace;
  readonly data: (stored: unknown) => unknown;
  readonly reason: string;
  readonly meanwhile: (() => Promise<void>) | undefined;
}

/** What of an engine it needs; `guard` is the driver's. */
export interface EndingEngine {
  readonly store: JobStore;
  readonly backend: IQueueBackend;
  readonly guard: <T>(call: () => Promise<T>) => Promise<T>;
}

/**
 * Takes the job as a worker does, under a token of this call's own, with its new data; then fails it as a worker does, so
 * that events and its parent are BullMQ's own matter.
 */
export async function endJob({ store, backend, guard }: EndingEngine, { place, data, reason, meanwhile }: Ending): Promise<EndedHow> {
  const token = `oxbow-end:${randomUUID()}`;
  let found = await guard(() => store.take(place, { token, lockMs: LOCK_MS }));
  for (;;) {
    if (typeof found === 'object') {
      const { seen, data: stored } = found;
      const next = JSON.stringify(data(stored));
      found = await guard(() => store.take(place, { token, lockMs: LOCK_MS, data: { seen, next } }));
      continue;
    }
    if (found !== 'taken') return found;
    crashpoint('end-taken-before-failed');
    await meanwhile?.();
    if (await fail(guard, backend, { id: place.id, token, reason })) return 'ended';
    // Its lock has ended meanwhile.
    found = await guard(() => store.take(place, { token, lockMs: LOCK_MS }));
  }
}

/** False when the job is not ours any more. */
async function fail(
  guard: EndingEngine['guard'],
  backend: IQueueBackend,
  { id, token, reason }: { readonly id: string; readonly token: string; readonly reason: string },
): Promise<boolean> {
  const job = { id, opts: { attempts: 1 } } as unknown as JobJson;
  try {
    await guard(() => backend.moveToFailed(job as never, reason, undefined as never, token, false, { failedReason: reason }));
    return true;
  } catch (error) {
    // BullMQ's codes for a job that is gone, or held by nobody or by another: perhaps the reply to this very call was lost.
    const { code } = error as { readonly code?: unknown };
    if (typeof code !== 'number') throw error;
    const state = await guard(() => backend.getState(id));
    return state === 'failed' || state === 'unknown';
  }
}
