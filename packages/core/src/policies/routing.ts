import { assertName } from '../task/name.ts';
import type { Policy } from './policy.ts';

/** A job that says no queue itself, before it has one. */
export interface RouteCall {
  readonly task: string;
  /** The one that its task names; undefined when that is `default`, or none. */
  readonly queue: string | undefined;
  /** As the producer gives it; of a step of a canvas what is known of it when the run is enqueued: its own part, and at the first steps what was given. */
  readonly input: unknown;
  readonly headers: Readonly<Record<string, string>>;
  /** When it is enqueued, in ms; of a job that another one enqueues, when that one was, so that each attempt of it routes alike. */
  readonly at: number;
}

/** Where a job goes. */
export interface Route {
  /** @defaultValue the task's own queue */
  readonly queue?: string;
  /** 0–9, 9 first; only on a queue declared with `priorities: true`. One that is given at enqueue wins. */
  readonly priority?: number;
}

/** What the first policy says that says something. @throws OxbowError `invalid_name`, and what a policy throws */
export function routeOf(policies: readonly Policy[], call: RouteCall): Route | undefined {
  for (const policy of policies) {
    const route = policy.route?.(call);
    if (route === undefined) continue;
    if (route.queue !== undefined) assertName('queue', route.queue);
    return route;
  }
  return undefined;
}

/** As a {@link RouteCall} has it. */
export function namedQueue(queue: string | undefined): string | undefined {
  return queue === 'default' ? undefined : queue;
}
