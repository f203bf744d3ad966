import type { Engine } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import { resultTtls } from '../policies/result-ttl.ts';
import type { Stores } from '../store/stores.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { createJanitor } from './janitor.ts';
import { Leader } from './leader.ts';
import type { Retention } from './retention.ts';

interface ChoreSource {
  readonly engine: Engine;
  readonly stores: Stores;
  readonly log: Logger;
  readonly settings: Retention;
  /** Those of the app now. */
  readonly tasks: () => Iterable<TaskDefinition>;
}

/** The leader of an app, with all that it does. */
export function openLeader({ engine, stores, log, settings: { retention, deadLetters }, tasks }: ChoreSource): Leader {
  const janitor = createJanitor({ stores, retention, deadLetters, resultTtls: () => resultTtls(tasks()) });
  return new Leader({ engine, leases: stores.leases, log, chores: [janitor] });
}
