import type { BackgroundState } from './client/background.ts';
import type { EngineKind } from './engine/engine.ts';
import type { FleetWorker } from './fleet/fleet-worker.ts';
import type { SignalListener, SignalName } from './signals.ts';
import type { WorkerState } from './worker/state.ts';

export type { BackgroundState } from './client/background.ts';
export type { FleetQueue, FleetWorker } from './fleet/fleet-worker.ts';

/** The engine of an app, as this process knows it. */
export interface EngineState {
  readonly kind: EngineKind;
  /** Without credentials. */
  readonly label: string;
  /** Whether a call made now would find a connection; undefined where nobody knows before it is made. */
  readonly connected: boolean | undefined;
}

/**
 * What an app's part in this process shows to those who watch over it: metrics, health, dashboards. Nothing can be
 * changed here, and what asks the server says so.
 */
export interface Operation {
  readonly app: string;
  engine(): EngineState;
  /** Those that were made here, drained ones too. */
  workers(): readonly WorkerState[];
  /** Those that run now, in all processes: `app.fleet.workers()`. Asks the server. @throws EngineUnavailableError */
  fleet(): Promise<readonly FleetWorker[]>;
  /** Of `app.background`, since the app was made. */
  background(): BackgroundState;
  /** The app's signals; returns the function that stops it. @throws OxbowError `invalid_options` */
  on<Name extends SignalName>(name: Name, listener: SignalListener<Name>): () => void;
}
