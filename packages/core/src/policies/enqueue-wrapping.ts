import { OxbowError } from '../errors.ts';
import { encodeEnvelope, type StoredClaim } from '../task/envelope.ts';
import { encodePayload, type PayloadLimits } from '../task/payload.ts';
import { once } from './once.ts';
import type { EnqueueBatch, EnqueueCall, Enqueued, Policy } from './policy.ts';

const MAX_HEADERS_BYTES = 16_384;

/** Names of Oxbow's own tasks begin with it. */
const OWN = 'oxbow.';

type Add = (last: EnqueueCall) => Promise<Enqueued>;
type Wrapped = (call: EnqueueCall) => Promise<unknown>;

/** One enqueue through the policies that wrap it, outer to inner; `add` gets what they made of it. */
export async function wrapEnqueue(policies: readonly Policy[], call: EnqueueCall, add: Add): Promise<void> {
  // Of one that is added nowhere, because a policy did not call `next`.
  let end: Enqueued = { id: call.id, created: false, replayed: false };
  const chain = policies.reduceRight<Wrapped>(
    (next, policy) => (current) => {
      let changed = current;
      const proceed = once(policy.name, () => next(changed));
      const follow = async (given: EnqueueCall): Promise<Enqueued> => {
        changed = given;
        await proceed();
        return end;
      };
      return policy.enqueue?.(current, follow) ?? Promise.resolve();
    },
    async (last) => {
      end = await add(last);
    },
  );
  await chain(call);
}

/**
 * Enqueues that are one atomic add: each goes through the policies, and `add` is called when all have come through.
 * @throws what a policy throws, and then nothing is added; OxbowError `invalid_options` when one calls no next
 */
export async function wrapTogether(
  policies: readonly Policy[],
  calls: readonly EnqueueCall[],
  add: (last: readonly EnqueueCall[]) => Promise<void>,
): Promise<void> {
  const last: EnqueueCall[] = [];
  let arrived = 0;
  let open: (adding: Promise<void>) => void = () => undefined;
  const added = new Promise<void>((resolve) => (open = resolve));
  added.catch(() => undefined);
  const wrapped = calls.map(async (call, i) => {
    const wrapping = call.task.startsWith(OWN) ? policies.filter(({ ownTasks }) => ownTasks === true) : policies;
    await wrapEnqueue(wrapping, call, async (changed) => {
      last[i] = changed;
      if (++arrived === calls.length) open(add(last));
      await added;
      return { id: call.id, created: true, replayed: false };
    });
    if (last[i] === undefined)
      throw new OxbowError('invalid_options', `A policy has not called next() for a job of task "${call.task}", which is part of a run.`);
  });
  try {
    await Promise.all(wrapped);
  } catch (error) {
    // Those that have come through wait for the others.
    const refused = Promise.reject(error as Error);
    refused.catch(() => undefined);
    open(refused);
    await Promise.allSettled(wrapped);
    throw error;
  }
  if (calls.length > 0) await added;
}

/** What policies are told of enqueues that belong together. */
export function batchOf(calls: readonly Pick<EnqueueCall, 'queue' | 'task'>[]): EnqueueBatch {
  const [queues, tasks] = [calls.map(({ queue }) => queue), calls.map(({ task }) => task)];
  return { size: calls.length, queues: [...new Set(queues)], tasks: [...new Set(tasks)] };
}

/** The data of a job with the input and headers that policies gave it. @throws SerializationError */
export function rewritten(
  data: string,
  { input, headers }: Pick<EnqueueCall, 'input' | 'headers'>,
  limits: PayloadLimits,
  claim?: StoredClaim,
): string {
  const { x, c } = JSON.parse(data) as { readonly x?: number; readonly c?: unknown };
  return encodeEnvelope(encodeInput(input, limits), encodeHeaders(headers), x, c === undefined ? undefined : JSON.stringify(c), claim);
}

/** A task without input: nothing is sent, so the worker's schema sees what the producer's saw. */
export function encodeInput(input: unknown, limits: PayloadLimits): string | undefined {
  return input === undefined ? undefined : encodePayload(input, 'input', limits);
}

export function encodeHeaders(headers: EnqueueCall['headers'] | undefined): string | undefined {
  if (headers === undefined || Object.keys(headers).length === 0) return undefined;
  return encodePayload(headers, 'headers', { bytes: MAX_HEADERS_BYTES, depth: 1, keys: 100 });
}
