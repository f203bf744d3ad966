import type { AppSettings } from './app-options.ts';
import type { Engine } from './engine/engine.ts';
import type { Logger } from './log.ts';
import { resultTtls } from './policies/result-ttl.ts';
import { resultJanitor } from './results/result-janitor.ts';
import type { Stores } from './store/stores.ts';
import type { TaskDefinition } from './task/definition.ts';
import { createJanitor } from './worker/janitor.ts';
import type { Chore } from './worker/leader.ts';

interface ChoreSource {
  readonly settings: AppSettings;
  readonly engine: Engine;
  readonly stores: Stores;
  readonly log: Logger;
  /** Those of the app now. */
  readonly tasks: () => Iterable<TaskDefinition>;
}

/** What one process of the app does for all. */
export function choresOf({ settings, engine, stores, log, tasks }: ChoreSource): readonly Chore[] {
  const { name: app, retention, queueRetention, deadLetters, results } = settings;
  const janitor = createJanitor({ stores, retention, queueRetention, deadLetters, resultTtls: () => resultTtls(tasks()) });
  return results === undefined ? [janitor] : [janitor, resultJanitor({ ...results, app, engine, log })];
}
