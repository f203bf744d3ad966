import { crashpoint } from '../crashpoint.ts';
import type { Engine, JobPlace, NewJob, StoredJob } from '../engine/engine.ts';
import { claimKey, keyedSettings } from '../policies/idempotency.ts';
import type { SignalBus } from '../signals.ts';
import type { Stores } from '../store/stores.ts';
import type { TaskDefinition } from '../task/definition.ts';
import type { StoredClaim } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';

/** What has come of a key before the call that asked. */
export interface Replay {
  readonly kind: 'succeeded' | 'failed';
  readonly task: string;
  /** JSON text of the result, or of the failure. */
  readonly value: string;
}

/** The job that an enqueue comes to. */
export interface Added {
  readonly place: JobPlace;
  /** False: another enqueue had the key. */
  readonly created: boolean;
  readonly replay?: Replay;
}

interface Addition {
  readonly task: TaskDefinition;
  readonly queue: string;
  readonly job: NewJob;
  readonly claim: StoredClaim;
}

/**
 * Claims the key for the job, then adds it. Another job that has the key stands for it; when that one is not there, its producer may have
 * died before it was added, and it is added for it, which changes nothing if it is there by then.
 */
export async function addClaimed(
  { engine, stores, signals }: { readonly engine: Engine; readonly stores: Stores; readonly signals: SignalBus },
  { task, queue, job, claim }: Addition,
): Promise<Added> {
  const { ttlMs, replayErrors: keepsFailures } = keyedSettings(task);
  const owner = publicId(job.id, queue);
  const find = (place: JobPlace): Promise<StoredJob | undefined> => engine.find(place.queue, place.id);
  const request = { ...claim, owner, ttlMs: ttlMs + (job.delayMs ?? 0), keepsFailures, task: task.name, adds: true };
  const standing = await claimKey({ records: stores.records, find, signals }, request);
  switch (standing.kind) {
    case 'held':
      crashpoint('claimed-before-add');
      await engine.add(queue, job);
      return { place: { queue, id: job.id }, created: true };
    case 'running':
      if (standing.job === undefined) await engine.add(standing.owner.queue, { ...job, id: standing.owner.id });
      return { place: standing.owner, created: false };
    case 'succeeded':
    case 'failed':
      return { place: standing.owner, created: false, replay: { ...standing, task: task.name } };
  }
}
