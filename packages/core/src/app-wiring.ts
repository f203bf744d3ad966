import type { AppSettings } from './app-options.ts';
import type { CompileSettings } from './canvas/compile.ts';
import { fromJson } from './canvas/foreign-signature.ts';
import type { Signature } from './canvas/signature.ts';
import { CanvasClient } from './client/canvas-client.ts';
import { enqueueChild } from './client/child-enqueue.ts';
import { priorityOf, type EnqueueSettings } from './client/enqueue.ts';
import { Fleet } from './client/fleet.ts';
import type { HandleSource } from './client/handle.ts';
import { Task } from './client/task.ts';
import { ToldEnds } from './client/told-ends.ts';
import { Watcher } from './client/watcher.ts';
import type { Engine } from './engine/engine.ts';
import type { CanvasRuntime } from './execution/canvas-runtime.ts';
import { FlowAdder } from './execution/flow-adder.ts';
import { PlanCache } from './execution/plan-cache.ts';
import { Cancellations } from './policies/cancellation.ts';
import type { Policy } from './policies/policy.ts';
import { namedQueue, routeOf } from './policies/routing.ts';
import { StoredResults } from './results/stored-results.ts';
import type { SignalBus } from './signals.ts';
import type { Stores } from './store/stores.ts';
import type { TaskRegistry } from './task-registry.ts';

export interface WiringSource {
  readonly settings: AppSettings;
  readonly engine: Engine;
  readonly stores: Stores;
  readonly signals: SignalBus;
  /** Those of `app.use`, as they come. */
  readonly policies: readonly Policy[];
  readonly tasks: TaskRegistry;
  /** Aborts when the app is closed. */
  readonly closed: AbortSignal;
}

/** What the rooms of an app have of each other. */
export interface Wiring {
  readonly handles: HandleSource;
  readonly canvas: CanvasClient;
  readonly runtime: CanvasRuntime;
  readonly enqueue: EnqueueSettings;
  readonly fleet: Fleet;
  readonly signature: <In, Out>(json: unknown) => Signature<In, Out>;
}

/** Nothing is connected yet. */
export function wire({ settings, engine, stores, signals, policies, tasks, closed }: WiringSource): Wiring {
  const { limits, queues } = settings;
  const flows = new FlowAdder({ engine, signals, policies, limits, optionsOf: (name) => tasks.get(name)?.extra ?? {} });
  const results = new StoredResults(settings.name, settings.results?.store, signals);
  const { retention, deadLetters } = stores;
  const handles: HandleSource = {
    engine,
    retention,
    deadLetters,
    flows,
    watcher: new Watcher(engine),
    toldEnds: new ToldEnds(engine.replies),
    results,
    closed,
  };
  const compile: CompileSettings = {
    task: (name) => tasks.facts(name),
    priority: (queue, priority) => priorityOf(priority, queue, queues.get(queue)),
    repeats: (name) => tasks.repeats(name),
    route: (call) => routeOf(policies, { ...call, queue: namedQueue(tasks.get(call.task)?.queue) }),
  };
  const canvas = new CanvasClient({
    app: settings.name,
    engine,
    flows,
    limits,
    compile,
    inputOf: (name) => tasks.get(name)?.input,
    handles,
    someQueue: () => tasks.someQueue,
  });
  const enqueue: EnqueueSettings = {
    engine,
    stores,
    signals,
    limits,
    queues,
    policies,
    canvas,
    repeats: (task) => tasks.repeats(task.name),
  };
  const signature = <In, Out>(json: unknown): Signature<In, Out> =>
    fromJson<In, Out>(json, canvas, { limits, knows: (task) => tasks.get(task) !== undefined });
  const runtime: CanvasRuntime = {
    engine,
    flows,
    plans: new PlanCache(engine),
    compile,
    cancellations: new Cancellations(),
    results,
    enqueueAs: (order) => enqueueChild(canvas, order),
    received: (target) => ('task' in target ? new Task(tasks.named(target.task), enqueue, handles) : signature(target.signature)),
  };
  const fleet = new Fleet({ engine, stores, handles, closed, task: (name) => tasks.get(name) });
  return { handles, canvas, runtime, enqueue, signature, fleet };
}
