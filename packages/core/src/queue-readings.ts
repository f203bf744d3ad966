import type { Engine } from './engine/engine.ts';
import type { QueueReading } from './operation.ts';
import type { Stores } from './store/stores.ts';
import type { TaskRegistry } from './task-registry.ts';
import { assertName } from './task/name.ts';

export interface ReadingSource {
  readonly engine: Engine;
  readonly stores: Pick<Stores, 'deadLetters' | 'retention'>;
  readonly tasks: Pick<TaskRegistry, 'all'>;
  /** Whether the app counts jobs that end: then a queue where none has ended has zeros. */
  readonly counts: boolean;
}

const NONE = { completed: 0, failed: 0 };

/** As `operate(app).queues`. */
export async function knownQueues({ stores, tasks }: ReadingSource): Promise<readonly string[]> {
  const served = await stores.retention.queues();
  return [...new Set([...served, ...Array.from(tasks.all, ({ queue }) => queue)])].toSorted();
}

/** As `operate(app).readQueues`. */
export async function readQueues({ engine, stores, counts }: ReadingSource, queues: readonly string[]): Promise<readonly QueueReading[]> {
  for (const queue of queues) assertName('queue', queue);
  const [readings, letters] = await Promise.all([engine.readQueues(queues), stores.deadLetters.tally(queues)]);
  return readings.map((reading, at) => ({
    ...reading,
    finished: reading.finished ?? (counts ? NONE : undefined),
    deadLetters: letters[at]?.count ?? 0,
    oldestDeadLetterAgeMs: letters[at]?.oldestAgeMs ?? 0,
  }));
}
