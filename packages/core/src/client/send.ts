import { crashpoint } from '../crashpoint.ts';
import type { Addition, NewJob } from '../engine/engine.ts';
import { NotUniqueError } from '../errors.ts';
import { once } from '../execution/attempt.ts';
import type { EnqueueCall, Policy } from '../policies/policy.ts';
import type { SignalBus } from '../signals.ts';
import { publicId } from '../task/id.ts';
import { rewrite, type EnqueueSettings, type Prepared } from './enqueue.ts';
import { addClaimed, type Added } from './idempotent-add.ts';
import { addTogether } from './transaction.ts';

/** The job that an enqueue comes to. */
export interface Sent extends Added {
  /** Of a job that was added inside a transaction. */
  readonly addition?: Addition | undefined;
}

/**
 * Sends a prepared job through the policies that wrap enqueues.
 * @throws NotUniqueError
 */
export async function send(settings: EnqueueSettings, prepared: Prepared): Promise<Sent> {
  const wrapping = settings.policies.filter((policy) => policy.enqueue !== undefined);
  const sent = wrapping.length === 0 ? await add(settings, prepared) : await wrapped(settings, wrapping, prepared);
  crashpoint('after-add-before-reply');
  if (sent.created) announce(settings.signals, sent.place.queue, prepared.job, sent.addition);
  return sent;
}

async function add(settings: EnqueueSettings, { task, queue, job, claim, unique, tx }: Prepared): Promise<Sent> {
  const { engine } = settings;
  const place = { queue, id: job.id };
  if (tx !== undefined) return { place, created: true, addition: await addTogether(engine, [{ ...job, queue }], tx) };
  if (claim !== undefined) return addClaimed(settings, { task, queue, job, claim });
  if (unique !== undefined) {
    const { created, ...standing } = await engine.addUnique({ ...job, queue }, unique.rule);
    if (!created && unique.rejects) throw new NotUniqueError(job.name, publicId(standing.id, standing.queue));
    return { place: standing, created };
  }
  await engine.add(queue, job);
  return { place, created: true };
}

/** At once, or at the commit where that is told. */
export function announce(signals: SignalBus, queue: string, job: NewJob, addition?: Addition): void {
  if (!signals.wants('task:enqueued')) return;
  const emit = (): void => signals.emit('task:enqueued', { id: publicId(job.id, queue), task: job.name, queue });
  if (addition?.ended === undefined) emit();
  else void addition.ended.then((committed) => committed && emit());
}

/** A policy may change input and headers; they are checked and written again. */
async function wrapped(settings: EnqueueSettings, policies: readonly Policy[], prepared: Prepared): Promise<Sent> {
  // A policy that does not call `next` has its own reasons, and nothing is added.
  let sent: Sent = { place: { queue: prepared.queue, id: prepared.job.id }, created: false };
  const last = async (call: EnqueueCall): Promise<void> => {
    sent = await add(settings, call === prepared.call ? prepared : { ...rewrite(settings, prepared, call), queue: call.queue });
  };
  const chain = policies.reduceRight<(call: EnqueueCall) => Promise<void>>(
    (next, policy) => (current) => {
      let changed = current;
      const proceed = once(policy.name, () => next(changed));
      return (
        policy.enqueue?.(current, (given) => {
          changed = given;
          return proceed();
        }) ?? Promise.resolve()
      );
    },
    last,
  );
  await chain(prepared.call);
  return sent;
}
