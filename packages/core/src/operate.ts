/** `@oxbow/core/operate`: what other packages read of a running app. */
import type { App } from './app.ts';
import { OxbowError } from './errors.ts';
import type { Operation } from './operation.ts';
import type { SignalListener, SignalName } from './signals.ts';

export type { EngineFacts, EngineKind, EngineReading, FinishedCounts, JobCounts } from './engine/engine.ts';
export type {
  AnyWorker,
  AppPhase,
  BackgroundState,
  EngineState,
  FleetQueue,
  FleetWorker,
  Operation,
  QueueReading,
  TaskState,
  Versions,
  StoreProbe,
} from './operation.ts';
export type { DrainState, LaneState, OverrunState, RegistrationState, RunningState, WorkerPhase, WorkerState } from './worker/state.ts';
export type { AttemptSignal, EndedSignal, EventLoopLag, JobSignal, SignalListener, SignalName, Signals } from './signals.ts';

/** What `createApp` returned, whatever its tasks and dependencies are. */
export interface AnyApp {
  readonly name: string;
  on<Name extends SignalName>(name: Name, listener: SignalListener<Name>): () => void;
}

/** The view of an app. It shows the present, at every call. @throws OxbowError `invalid_options` when it is no app. */
export function operate(app: AnyApp): Operation {
  const { operation } = app as Partial<Pick<App, 'operation'>>;
  if (operation === undefined) throw new OxbowError('invalid_options', 'operate() takes an app, as createApp() returns it.');
  return operation;
}
