import { setTimeout as wait } from 'node:timers/promises';
import type { FinishedKind, SweepMark } from '../store/retention.ts';
import type { Stores } from '../store/stores.ts';
import type { Chore } from './leader.ts';
import type { Retention } from './retention.ts';

interface JanitorSource extends Retention {
  readonly stores: Pick<Stores, 'retention' | 'deadLetters'>;
  /** Of the tasks of the app, as far as this process knows them. */
  readonly resultTtls: () => readonly number[];
}

const KINDS: readonly FinishedKind[] = ['succeeded', 'failed', 'cancelled'];
/** So late goes at most what need not go sooner. */
const MOST_MS = 60_000;
const LEAST_MS = 1000;

/**
 * The chore that removes finished jobs when their time is over, or there are too many of them, whether or not another one ends. It makes
 * many small calls, and rests after each for as long as it took: the server is never its own.
 */
export function createJanitor(source: JanitorSource): Chore {
  const { retention, queueRetention, deadLetters, resultTtls } = source;
  return {
    name: 'janitor',
    /** Half of the shortest time that something is kept, within limits. */
    get everyMs() {
      const keeps = [retention, ...queueRetention.values()];
      const ages = [
        ...keeps.flatMap((keep) => KINDS.flatMap((kind) => keep[kind].ageMs ?? [])),
        ...(deadLetters === undefined ? [] : [deadLetters.ageMs]),
      ];
      return Math.min(MOST_MS, Math.max(LEAST_MS, Math.min(...ages, ...resultTtls()) / 2));
    },
    run: async ({ signal }) => {
      let startedAt = performance.now();
      for await (const _ of calls(source)) {
        if (signal.aborted) return;
        await wait(performance.now() - startedAt, undefined, { ref: false });
        startedAt = performance.now();
      }
    },
  };
}

/** Yields after each call. */
async function* calls({ stores, retention, queueRetention, deadLetters }: JanitorSource): AsyncGenerator<void, void, undefined> {
  const { retention: store, deadLetters: letters } = stores;
  if (deadLetters !== undefined) while ((await letters.prune(deadLetters)) > 0) yield;
  for (const queue of await store.queues()) {
    while (await store.expire(queue)) yield;
    for (const kind of KINDS) {
      const sweep = { queue, kind, keep: (queueRetention.get(queue) ?? retention)[kind] };
      let from: SweepMark | undefined;
      do {
        yield;
        from = (await store.sweep({ ...sweep, from })).next;
      } while (from !== undefined);
    }
  }
}
