import type { Engine, LaneOptions } from '../engine/engine.ts';
import type { ExecutionSettings } from '../execution/attempt.ts';
import type { Logger } from '../log.ts';
import type { Policy } from '../policies/policy.ts';
import type { SignalBus } from '../signals.ts';
import type { Leader } from './leader.ts';

/** What a worker gets from its app. */
export interface WorkerSource {
  readonly app: string;
  readonly engine: Engine;
  readonly signals: SignalBus;
  readonly log: Logger;
  readonly policies: readonly Policy[];
  /** What the lanes of a queue let go whenever a job ends; asked at the start. */
  readonly retention: (queue: string) => Pick<LaneOptions, 'keepSucceeded' | 'keepFailed'>;
  readonly execution: Omit<ExecutionSettings, 'deps' | 'children' | 'signals'>;
  /** Of the app: it leads while one of its workers is started. */
  readonly leader: Pick<Leader, 'enter' | 'leave'>;
  /** Of its registry, and the tasks that the app has a handler of. */
  readonly fleet: { readonly leaseMs: number; readonly tasks: () => Iterable<string> };
  /** In the child of an isolated task: it does not start. */
  readonly idle: boolean;
  /** Resolves when what handlers have called in the background has ended, or has been waited for long enough. */
  readonly settleBackground: () => Promise<void>;
  /** Closes the app, after the drain of a worker that owns its process. */
  readonly closeApp: () => Promise<void>;
}
