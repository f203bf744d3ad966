import type { BackgroundState } from './client/background.ts';
import type { EngineKind, EngineReading } from './engine/engine.ts';
import type { SignalListener, SignalName } from './signals.ts';
import type { WorkerState } from './worker/state.ts';

export type { BackgroundState } from './client/background.ts';

/** The engine of an app, as this process knows it. */
export interface EngineState {
  readonly kind: EngineKind;
  /** Without credentials. */
  readonly label: string;
  /** Whether a call made now would find a connection; undefined where nobody knows before it is made. */
  readonly connected: boolean | undefined;
}

/** A queue as the engine has it now, whoever reads it. */
export interface QueueReading extends EngineReading {
  /** 0 also where the app keeps none. */
  readonly deadLetters: number;
  /** Since the first of them was written; 0: there is none. */
  readonly oldestDeadLetterAgeMs: number;
}

/**
 * What an app's part in this process shows to those who watch over it: metrics, health, dashboards. Only what returns a
 * promise asks the server, and nothing can be changed.
 */
export interface Operation {
  readonly app: string;
  engine(): EngineState;
  /** Those that were made here, drained ones too. */
  workers(): readonly WorkerState[];
  /** Of `app.background`, since the app was made. */
  background(): BackgroundState;
  /**
   * What the engine has of these queues, in the order asked; the same from every process. One that nobody has used is empty. Each queue is read in
   * one atomic step; all of them take one round trip, or on SQL one for each ten queues, and one more for the dead letters.
   * @throws EngineUnavailableError; OxbowError `invalid_name`
   */
  readQueues(queues: readonly string[]): Promise<readonly QueueReading[]>;
  /** The app's signals; returns the function that stops it. @throws OxbowError `invalid_options` */
  on<Name extends SignalName>(name: Name, listener: SignalListener<Name>): () => void;
}
