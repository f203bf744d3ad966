/** `@oxbow/core`: typed tasks on BullMQ. */
export { createApp, type App } from './app.ts';
export type { DeclareTask, Preset } from './declare-task.ts';
export type {
  AppOptions,
  BackgroundOptions,
  DeadLetterRetention,
  FinishedRetention,
  FleetOptions,
  QueueDeclaration,
  ResultStoreOptions,
  RetentionOptions,
} from './app-options.ts';
export type { ContractOptions, PlainTaskOptions, ResultOf, SchemaTaskOptions, TaskPolicies } from './task-options.ts';
export { chain } from './canvas/chain.ts';
export { chord, type GivenByHeader, type Header, type TakenByHeader } from './canvas/chord.ts';
export type {
  AnySignature,
  EnqueueArguments,
  First,
  Fit,
  Fitting,
  GivenBy,
  GivenByEach,
  Last,
  Misfit,
  SignatureTypes,
  TakenBy,
  TakenByEach,
} from './canvas/fit.ts';
export { group, type GroupSignature, type Settled } from './canvas/group.ts';
export type { Lacking, NoOthers, OthersGiven, PartialInput, Received, ReceivableKey } from './canvas/partial-input.ts';
export type { Call, Constant, Fork, NodeIndex, Plan, PlanNode, Scope, Shape } from './canvas/plan.ts';
export type { RunHandle, RunMember, RunStatus, RunTree } from './canvas/run-handle.ts';
export { Signature } from './canvas/signature.ts';
export type { TaskSignature } from './canvas/task-signature.ts';
export type {
  CanvasFailure,
  ChainTree,
  ChordTree,
  FailureInfo,
  GroupTree,
  JoinPolicy,
  RunOptions,
  SignatureOptions,
  TaskTree,
  Tree,
} from './canvas/tree.ts';
export type { BackgroundCall, BackgroundCallOptions } from './client/background.ts';
export type { EnqueueOptions, QueuePriorities } from './client/enqueue.ts';
export type { DeadLetter, DeadLetterError, DeadLetterGroup } from './client/dead-letter.ts';
export type {
  DeadLetterListOptions,
  DeadLetterPage,
  DeadLetters,
  DeadLetterSelection,
  PurgeOptions,
  ReplayedMany,
  ReplayManyOptions,
  ReplayOptions,
} from './client/dead-letters.ts';
export type { Rate } from './client/pace.ts';
export type { Fleet, FleetCallOptions, FleetStats } from './client/fleet.ts';
export type { FleetAnswer, FleetReply } from './client/fleet-call.ts';
export type { JobHandle, ResultOptions } from './client/handle.ts';
export type { JobProgress, JobStatus, StateChange, Status } from './client/status.ts';
export type { Contract, Handler, InputArguments, Task } from './client/task.ts';
export type { TaskContext } from './execution/context.ts';
export type { RetryRequestOptions } from './execution/retry-request.ts';
export type { FleetQueue, FleetWorker } from './fleet/fleet-worker.ts';
export type { AsResult } from './results/bytes.ts';
export type { ResultKind } from './results/reference.ts';
export type { ResultStore, StoredBytes, StoredEntry } from './results/result-store.ts';
export type { ResultStream } from './results/result-stream.ts';
export type { Outcome } from './policies/outcome.ts';
export type { HeldLock, HoldOptions } from './policies/app-lock.ts';
export type { ConcurrencyOptions } from './policies/concurrency.ts';
export type { RateLimitChange, RateLimitOptions } from './policies/rate-limit.ts';
export type { RateLimit } from './store/rates.ts';
export type { DeadLetterReason } from './policies/dead-letter.ts';
export type { Delivery } from './policies/delivery.ts';
export type { DebounceOptions } from './policies/debounce.ts';
export type { LockOptions } from './policies/lock.ts';
export type { IdempotencyOptions } from './policies/idempotency.ts';
export type { HeartbeatOptions } from './policies/heartbeat.ts';
export type { IsolateOptions } from './policies/isolation.ts';
export type { AttemptCall, EnqueueBatch, EnqueueCall, Enqueued, Policy, PolicyApp, Publishing } from './policies/policy.ts';
export type { Route, RouteCall } from './policies/routing.ts';
export type { ThrottleOptions } from './policies/throttle.ts';
export type { UniqueOptions } from './policies/unique.ts';
export type { TimeLimitOptions } from './policies/time-limits.ts';
export type { CancelOptions } from './task/cancel-options.ts';
export type { Duration } from './task/duration.ts';
export type { PayloadLimits } from './task/payload.ts';
export {
  RetryAfterError,
  type BackoffOptions,
  type CustomBackoff,
  type ErrorMatcher,
  type Jitter,
  type RetryOptions,
} from './task/retry.ts';
export type { InputOf, OutputOf, Schema } from './task/schema.ts';
export type { AttemptSignal, EndedSignal, EventLoopLag, JobSignal, SignalListener, SignalName, Signals } from './signals.ts';
export type { BullQueue, StatementResult, Transaction } from './engine/engine.ts';
export type { SqlExecutor } from './task/sql-executor.ts';
export type { DrainOptions, PoolOptions, WorkerArguments, WorkerOptions } from './worker/settings.ts';
export type { RunningState, WorkerPhase } from './worker/state.ts';
export type { Drained, Worker } from './worker/worker.ts';
export type { Logger } from './log.ts';
export {
  CancelledError,
  DeadlockError,
  EngineUnavailableError,
  errorCodes,
  IdempotencyMismatchError,
  HardTimeLimitError,
  HeartbeatTimeoutError,
  InvalidCanvasError,
  InvalidInputError,
  LeaseLostError,
  IsolatedTaskDiedError,
  LockLostError,
  LockTakenError,
  NonRetryableError,
  NotUniqueError,
  OxbowError,
  QuorumError,
  ResultTimeoutError,
  ResultTooLargeError,
  SerializationError,
  ShutdownError,
  SoftTimeLimitError,
  TaskFailedError,
  type ErrorCode,
  type OxbowErrorOptions,
  type Issue,
} from './errors.ts';
