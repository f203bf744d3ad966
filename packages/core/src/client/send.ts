import { crashpoint } from '../crashpoint.ts';
import type { Addition } from '../engine/engine.ts';
import { NotUniqueError } from '../errors.ts';
import { announce } from '../execution/announcement.ts';
import { wrapEnqueue } from '../policies/enqueue-wrapping.ts';
import type { Policy } from '../policies/policy.ts';
import { publicId } from '../task/id.ts';
import { rewrite, type EnqueueSettings, type Prepared } from './enqueue.ts';
import { addClaimed, type Added } from './idempotent-add.ts';
import { tellRefusal, tellStandIn } from './enqueue-outcome.ts';
import { addTogether } from './transaction.ts';

/** The job that an enqueue comes to. */
export interface Sent extends Added {
  /** Its end is told to this process. */
  readonly isTold?: boolean;
  /** Of a job that was added inside a transaction. */
  readonly addition?: Addition | undefined;
}

/**
 * Sends a prepared job through the policies that wrap enqueues.
 * @param replyTo - whom the end of a job is told to that this makes for itself alone
 * @throws NotUniqueError
 */
export async function send(settings: EnqueueSettings, prepared: Prepared, replyTo?: string): Promise<Sent> {
  try {
    const sent = await sendOn(settings, prepared, replyTo);
    if (!sent.created)
      tellStandIn(
        settings.signals,
        { task: prepared.task.name, queue: prepared.queue },
        sent.replay === undefined ? 'deduplicated' : 'replayed',
      );
    return sent;
  } catch (error) {
    tellRefusal(settings.signals, { task: prepared.task.name, queue: prepared.queue }, error);
    throw error;
  }
}

async function sendOn(settings: EnqueueSettings, prepared: Prepared, replyTo: string | undefined): Promise<Sent> {
  const wrapping = settings.policies.filter((policy) => policy.enqueue !== undefined);
  const sent = wrapping.length === 0 ? await add(settings, prepared, replyTo) : await wrapped(settings, wrapping, prepared, replyTo);
  crashpoint('after-add-before-reply');
  if (sent.created) announce(settings.signals, sent.place.queue, prepared.job, sent.addition);
  return sent;
}

async function add(settings: EnqueueSettings, prepared: Prepared, replyTo: string | undefined): Promise<Sent> {
  const { task, queue, job, claim, unique, tx } = prepared;
  const { engine } = settings;
  const place = { queue, id: job.id };
  if (tx !== undefined) return { place, created: true, addition: await addTogether(engine, [{ ...job, queue }], tx) };
  if (claim !== undefined) return addClaimed(settings, { task, queue, job, claim });
  if (unique !== undefined) {
    const { created, ...standing } = await engine.addUnique({ ...job, queue }, unique.rule);
    if (!created && unique.rejects) throw new NotUniqueError(job.name, publicId(standing.id, standing.queue));
    return { place: standing, created };
  }
  if (replyTo === undefined) await engine.add(queue, job);
  else await engine.add(queue, { ...job, replyTo });
  return { place, created: true, isTold: replyTo !== undefined };
}

/** A policy may change input and headers. */
async function wrapped(
  settings: EnqueueSettings,
  policies: readonly Policy[],
  prepared: Prepared,
  replyTo: string | undefined,
): Promise<Sent> {
  // A policy that does not call `next` has its own reasons, and nothing is added.
  let sent: Sent = { place: { queue: prepared.queue, id: prepared.job.id }, created: false };
  await wrapEnqueue(policies, prepared.call, async (last) => {
    sent = await add(settings, last === prepared.call ? prepared : rewrite(settings, prepared, last), replyTo);
    return { id: publicId(sent.place.id, sent.place.queue), created: sent.created, replayed: sent.replay !== undefined };
  });
  return sent;
}
