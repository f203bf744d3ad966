import { OxbowError, type Route, type RouteCall } from '@oxbow/core';
import { z } from 'zod';
import { content, missing, type Content } from './content.ts';
import { parseOptions } from './options.ts';
import { compilePattern } from './task-pattern.ts';
import { compileWindow, timeWindow, type TimeWindow } from './time-window.ts';

/**
 * One rule: it matches when all that it says of a job is so, and it must say something. Functions must be pure, and quick: they are called at every
 * enqueue that comes to the rule. One that throws does not match.
 */
export interface RouteRule<Name extends string = string> {
  /** For `explain` and messages. @defaultValue 'rule 1', … */
  readonly name?: string | undefined;
  /** The task's name is one of these patterns: `*` stands for any characters, `?` for one. */
  readonly task?: string | readonly string[] | undefined;
  /** What the input has, or a function that says so. Of a step of a canvas only what is known when the run is enqueued. */
  readonly input?: Content | ((input: never) => boolean) | undefined;
  /** Header → its value, or one of several. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** It is enqueued within this window, or within one of several. */
  readonly time?: TimeWindow | readonly TimeWindow[] | undefined;
  readonly when?: ((call: RouteCall) => boolean) | undefined;
  /** Where the job goes; of a function, undefined is no match. @defaultValue where it would go without this rule */
  readonly queue?: Name | ((call: RouteCall) => Name | undefined) | undefined;
  /** 0–9, 9 first; the queue must be declared with `priorities: true`. */
  readonly priority?: number | undefined;
}

/** A thing that a rule says of a job. */
interface Condition {
  test(call: RouteCall): boolean;
  /** For people: what was found. */
  why(call: RouteCall, matched: boolean): string;
}

export interface CompiledRule {
  readonly name: string;
  /** Its queue, when that is not computed. */
  readonly queue: string | undefined;
  readonly priority: number | undefined;
  /** Undefined: it does not match. */
  match(call: RouteCall): Route | undefined;
  /** The same, in words. */
  explain(call: RouteCall): { readonly route: Route | undefined; readonly why: string };
}

const fn = z.custom<never>((value) => typeof value === 'function', 'must be a function');
const texts = z.union([z.string(), z.array(z.string()).min(1)]);
const shape = z.strictObject({
  name: z.string().min(1).optional(),
  task: texts.optional(),
  input: z
    .custom<RouteRule['input']>(
      (value) => typeof value === 'function' || content.safeParse(value).success,
      'must be a function, or an object of keys and the values that they have',
    )
    .optional(),
  headers: z
    .record(z.string(), texts)
    .refine((value) => Object.keys(value).length > 0, 'names no header')
    .optional(),
  time: z.union([timeWindow, z.array(timeWindow).min(1)]).optional(),
  when: fn.optional(),
  queue: z.union([z.string(), fn]).optional(),
  priority: z.int().min(0).max(9).optional(),
});
const KNOWN = [...Object.keys(shape.shape), 'from', 'to', 'zone', 'days'];

/** @throws OxbowError `invalid_options` */
export function compileRule(rule: RouteRule, index: number): CompiledRule {
  const what = `Router: rules[${index}]`;
  parseOptions(shape as z.ZodType, rule, what, KNOWN);
  const { name = `rule ${index + 1}`, queue, priority } = rule;
  const conditions = conditionsOf(rule, what);
  const ask = forgiving(name);
  if (queue === undefined && priority === undefined)
    throw new OxbowError('invalid_options', `${what}: it leads nowhere: give it a queue, or a priority.`);
  if (conditions.length === 0 && typeof queue !== 'function')
    throw new OxbowError(
      'invalid_options',
      `${what}: it says nothing of a job, so none would come to the rules behind it. That is what default is for.`,
    );
  const routeOf = (call: RouteCall): Route | undefined => {
    const to = typeof queue === 'function' ? queue(call) : queue;
    if (to === undefined && typeof queue === 'function') return undefined;
    return { ...(to === undefined ? {} : { queue: to }), ...(priority === undefined ? {} : { priority }) };
  };
  return {
    name,
    queue: typeof queue === 'function' ? undefined : queue,
    priority,
    match: (call) => ask(() => (conditions.every((condition) => condition.test(call)) ? routeOf(call) : undefined)),
    explain: (call) => explain(conditions, routeOf, call),
  };
}

function conditionsOf({ task, input, headers, time, when }: RouteRule, what: string): readonly Condition[] {
  return [
    ...(task === undefined ? [] : [taskIs([task].flat(), what)]),
    ...(headers === undefined ? [] : Object.entries(headers).map(([header, value]) => headerIs(header, [value].flat()))),
    ...(time === undefined ? [] : [timeIs([time].flat(), what)]),
    ...(input === undefined
      ? []
      : [typeof input === 'function' ? saysYes('input', (call) => input(call.input as never)) : inputHas(input)]),
    ...(when === undefined ? [] : [saysYes('when', when)]),
  ];
}

function taskIs(patterns: readonly string[], what: string): Condition {
  const compiled = patterns.map((pattern) => compilePattern(pattern, `${what}.task`));
  return {
    test: ({ task }) => compiled.some((matches) => matches(task)),
    why: ({ task }, matched) => `task "${task}" is ${matched ? '' : 'not '}${patterns.join(' or ')}`,
  };
}

function headerIs(header: string, values: readonly string[]): Condition {
  const found = ({ headers }: RouteCall): string | undefined => (Object.hasOwn(headers, header) ? headers[header] : undefined);
  return {
    test: (call) => values.includes(found(call) as string),
    why: (call) => `header ${header} is ${found(call) === undefined ? 'not there' : JSON.stringify(found(call))}`,
  };
}

function timeIs(windows: readonly TimeWindow[], what: string): Condition {
  const compiled = windows.map((window) => compileWindow(window, `${what}.time`));
  return {
    test: ({ at }) => compiled.some((window) => window.includes(at)),
    why: ({ at }, matched) =>
      `${new Date(at).toISOString()} is ${matched ? '' : 'not '}within ${compiled.map(({ text }) => text).join(' or ')}`,
  };
}

function inputHas(wanted: Content): Condition {
  return {
    test: ({ input }) => missing(input, wanted) === undefined,
    why: ({ input }, matched) => (matched ? `the input has ${JSON.stringify(wanted)}` : `${missing(input, wanted)} is not as wanted`),
  };
}

function saysYes(option: string, ask: (call: RouteCall) => boolean): Condition {
  return { test: (call) => ask(call), why: (_, matched) => `its function ${option} says ${matched ? 'yes' : 'no'}` };
}

/** A rule that throws matches nothing: a mistake in a rule must not keep jobs from their queue. It is told of once. */
function forgiving(rule: string): <T>(ask: () => T) => T | undefined {
  let told = false;
  return (ask) => {
    try {
      return ask();
    } catch (error) {
      if (!told) process.emitWarning(`Router: ${rule} threw, so it does not match: ${String(error)}`, { code: 'OXBOW_ROUTING' });
      told = true;
      return undefined;
    }
  };
}

function explain(
  conditions: readonly Condition[],
  routeOf: (call: RouteCall) => Route | undefined,
  call: RouteCall,
): ReturnType<CompiledRule['explain']> {
  try {
    for (const condition of conditions) if (!condition.test(call)) return { route: undefined, why: condition.why(call, false) };
    const route = routeOf(call);
    if (route === undefined) return { route, why: 'its function queue names none' };
    return { route, why: conditions.map((condition) => condition.why(call, true)).join('; ') || 'its function queue names one' };
  } catch (error) {
    return { route: undefined, why: `it threw: ${String(error)}` };
  }
}
