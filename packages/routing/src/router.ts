import { OxbowError, type Policy, type PolicyApp, type Route, type RouteCall } from '@oxbow/core';
import { z } from 'zod';
import { nearest } from './nearest.ts';
import { parseOptions } from './options.ts';
import { compileRule, type CompiledRule, type RouteRule } from './rule.ts';

/**
 * How jobs find their queues.
 *
 * @typeParam Name - the queues that there are.
 */
export interface RouterOptions<Name extends string = string> {
  /** The queues that there are: a preset, or names. @defaultValue those that the app declares with `createApp({ queues })` */
  readonly queues?: readonly Name[] | { readonly names: readonly Name[] } | undefined;
  /** In order: the first that matches decides. */
  readonly rules: readonly RouteRule<NoInfer<Name>>[];
  /** Where a job goes that no rule matches and whose task names no queue (or names `default`). */
  readonly default: NoInfer<Name>;
}

export interface ExplainOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** When it is enqueued. @defaultValue now */
  readonly at?: Date | undefined;
  /** Given at enqueue. */
  readonly queue?: string | undefined;
  /** Given at enqueue. */
  readonly priority?: number | undefined;
}

/** Where a job goes and why. */
export interface Explanation {
  readonly queue: string;
  readonly priority: number | undefined;
  /** What decided on the queue: a rule's name, `enqueue` (it was given there), `task` (the task names it) or `default`. */
  readonly by: string;
  readonly why: string;
  /** The rules before it, which did not match. */
  readonly passed: readonly { readonly rule: string; readonly why: string }[];
}

const shape = z.strictObject({
  queues: z.union([z.array(z.string()).min(1), z.looseObject({ names: z.array(z.string()).min(1) })]).optional(),
  rules: z.array(z.unknown()).min(1, 'there is no rule'),
  default: z.string('names no queue: one is required'),
});

/**
 * Sends jobs to queues by rules: `app.use(router)`. A queue given at enqueue (or with `signature.with({ queue })`) wins over the rules, and then no
 * rule is asked; a priority given there wins over a rule's. Steps of a canvas are routed when their run is enqueued, and stay where they are.
 */
export class Router<const Name extends string = string> implements Policy {
  readonly name = 'routing';
  readonly install: (app: PolicyApp) => void;
  readonly route: (call: RouteCall) => Route | undefined;
  readonly #rules: readonly CompiledRule[];
  readonly #default: string;
  #queues: readonly string[] | undefined;

  /** @throws OxbowError `invalid_options`, `unknown_queue` */
  constructor(options: RouterOptions<Name>) {
    parseOptions(shape as z.ZodType, options, 'Router', Object.keys(shape.shape));
    const { queues, rules } = options;
    this.#rules = rules.map((rule, index) => compileRule(rule, index));
    this.#default = options.default;
    const names = this.#rules.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i || ['enqueue', 'task', 'default'].includes(name));
    if (twice !== undefined)
      throw new OxbowError('invalid_options', `Router: "${twice}" cannot be the name of a rule: it has another meaning, or another rule.`);
    if (queues !== undefined) this.#knows('names' in queues ? queues.names : queues);
    this.install = (app) => this.#install(app);
    this.route = (call) => this.#route(call);
  }

  /** Where a job would go and why: which rule, and why each one before it did not match. @param task - a task, or its name */
  explain(task: string | { readonly name: string; readonly queue?: string }, input?: unknown, options: ExplainOptions = {}): Explanation {
    const { name, queue: named } = typeof task === 'string' ? { name: task, queue: undefined } : task;
    const { headers = {}, at = new Date(), queue, priority } = options;
    if (queue !== undefined) return { queue, priority, by: 'enqueue', why: 'its queue was given at enqueue', passed: [] };
    const own = named === 'default' ? undefined : named;
    const call: RouteCall = { task: name, queue: own, input, headers, at: at.getTime() };
    const passed: { readonly rule: string; readonly why: string }[] = [];
    for (const rule of this.#rules) {
      const { route, why } = rule.explain(call);
      if (route !== undefined)
        return { queue: route.queue ?? own ?? this.#default, priority: priority ?? route.priority, by: rule.name, why, passed };
      passed.push({ rule: rule.name, why });
    }
    if (own !== undefined) return { queue: own, priority, by: 'task', why: 'no rule matches, and its task names this queue', passed };
    return { queue: this.#default, priority, by: 'default', why: 'no rule matches, and its task names no queue', passed };
  }

  #route(call: RouteCall): Route | undefined {
    for (const rule of this.#rules) {
      const route = rule.match(call);
      if (route === undefined) continue;
      if (route.queue === undefined) return { ...route, queue: call.queue ?? this.#default };
      if (this.#queues?.includes(route.queue) === false) throw this.#unknown(route.queue, `"${rule.name}" leads task "${call.task}" to`);
      return route;
    }
    return call.queue === undefined ? { queue: this.#default } : undefined;
  }

  #install({ name: app, queues }: PolicyApp): void {
    if (this.#queues === undefined) {
      if (queues.size === 0)
        throw new OxbowError(
          'invalid_options',
          `Router: neither it nor app "${app}" says which queues there are: give queues to one of them.`,
        );
      this.#knows([...queues.keys()]);
    }
    for (const { name, queue, priority } of this.#rules)
      if (priority !== undefined && queue !== undefined && queues.get(queue)?.priorities !== true)
        throw new OxbowError(
          'invalid_options',
          `Router: "${name}" has a priority, and queue "${queue}" of app "${app}" has none: declare it with createApp({ queues: { ${JSON.stringify(queue)}: { priorities: true } } }).`,
        );
  }

  /** @throws OxbowError `unknown_queue` when a rule, or the default, leads elsewhere */
  #knows(queues: readonly string[]): void {
    this.#queues = queues;
    for (const { name, queue } of this.#rules)
      if (queue !== undefined && !queues.includes(queue)) throw this.#unknown(queue, `"${name}" leads to`);
    if (!queues.includes(this.#default)) throw this.#unknown(this.#default, 'default is');
  }

  #unknown(queue: string, who: string): OxbowError {
    return new OxbowError('unknown_queue', `Router: ${who} queue "${queue}", which is not declared.${nearest(queue, this.#queues ?? [])}`);
  }
}
