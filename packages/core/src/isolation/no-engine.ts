import type { Engine, EngineFacts } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';

const FACTS: EngineFacts = { server: 'none', version: '0', evictionPolicy: 'none' };

/** What an app has for an engine in the child of an isolated task: it can be opened and closed, as modules may do when they are loaded, and nothing else. */
export function noEngine(): Engine {
  const error = (): OxbowError =>
    new OxbowError(
      'isolated',
      'There is no engine in the process or thread of an isolated task. Use ctx: ctx.enqueue() enqueues. The module that declares the task must not use the engine when it is loaded.',
    );
  const refuse = (): Promise<never> => Promise.reject(error());
  const refuseNow = (): never => {
    throw error();
  };
  return {
    kind: 'embedded',
    label: 'no engine (isolated task)',
    laneSize: Infinity,
    connected: false,
    storeServer: { kind: 'sql', broadcastQueue: '', query: refuse },
    replies: undefined,
    transactions: undefined,
    feed: { watch: refuse, unwatch: () => undefined, listen: () => undefined, close: () => Promise.resolve() },
    open: () => Promise.resolve(FACTS),
    close: () => Promise.resolve(),
    queue: refuseNow,
    lane: refuseNow,
    add: refuse,
    addFlow: refuse,
    addUnique: refuse,
    replaceFailed: refuse,
    uniqueTurn: refuse,
    leaveUnique: refuse,
    changeData: refuse,
    childValues: refuse,
    failedChildren: refuse,
    readQueues: refuse,
    findMany: refuse,
    find: refuse,
    end: refuse,
    setPaused: refuse,
    broadcast: refuse,
    onBroadcast: refuse,
    clockOffsetMs: refuse,
    evictionPolicy: refuse,
  };
}
