import { describe, expect, it } from 'vitest';
import { byPriority } from './by-priority.ts';
import { Router, type RouterOptions } from './router.ts';
import type { RouteRule } from './rule.ts';

const preset = byPriority();
const coded = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string });
const call = (task: string, input?: unknown, more: object = {}) => ({
  task,
  queue: undefined,
  input,
  headers: {},
  at: Date.parse('2026-01-14T12:00:00Z'),
  ...more,
});
const lone = (rule: RouteRule<'high'>): Router<'high' | 'low'> =>
  new Router({ queues: ['high', 'low'], rules: [{ queue: 'high', ...rule }], default: 'low' });

const router = new Router({
  queues: preset,
  rules: [
    { name: 'premium', task: 'orders.*', input: { customer: { tier: ['gold', 'platinum'] } }, queue: 'critical' },
    { name: 'imports', headers: { source: 'import' }, queue: 'bulk' },
    { name: 'night', time: { from: '22:00', to: '06:00', zone: 'Europe/Berlin' }, task: ['reports.*', 'mail.digest?'], queue: 'low' },
    { name: 'large', input: ({ pages }: { readonly pages: number }) => pages > 100, queue: 'bulk' },
    { name: 'shards', when: ({ task }) => task === 'shard', queue: ({ input }) => (input === 1 ? 'high' : undefined) },
  ],
  default: 'default',
});

describe('a router', () => {
  it.each([
    ['orders.charge', { customer: { tier: 'gold' } }, {}, 'critical'],
    ['orders.charge', { customer: { tier: 'none' } }, {}, 'default'],
    ['orders', { customer: { tier: 'gold' } }, {}, 'default'],
    ['mail', undefined, { headers: { source: 'import' } }, 'bulk'],
    ['mail', undefined, { headers: { source: 'imports' } }, 'default'],
    ['reports.daily', undefined, { at: Date.parse('2026-01-14T22:00:00Z') }, 'low'],
    ['reports.daily', undefined, { at: Date.parse('2026-01-14T12:00:00Z') }, 'default'],
    ['mail.digest2', undefined, { at: Date.parse('2026-01-14T04:59:00Z') }, 'low'],
    ['mail.digest', undefined, { at: Date.parse('2026-01-14T04:59:00Z') }, 'default'],
    ['print', { pages: 101 }, {}, 'bulk'],
    ['print', { pages: 100 }, {}, 'default'],
    ['shard', 1, {}, 'high'],
    ['shard', 2, {}, 'default'],
    ['orders.charge', { customer: { tier: 'gold' } }, { headers: { source: 'import' } }, 'critical'],
  ])('sends %s with %j, %j to %s, and explains that it does', (task, input, more, queue) => {
    const given = call(task, input, more);
    expect(router.route(given)).toEqual({ queue });
    expect(router.explain(task, input, { headers: given.headers, at: new Date(given.at) }).queue).toBe(queue);
  });

  it('explains which rule decided, and why each one before it did not match', () => {
    expect(router.explain('print', { pages: 500 }, { headers: { source: 'web' }, at: new Date('2026-01-14T12:00:00Z') })).toEqual({
      queue: 'bulk',
      priority: undefined,
      by: 'large',
      why: 'its function input says yes',
      passed: [
        { rule: 'premium', why: 'task "print" is not orders.*' },
        { rule: 'imports', why: 'header source is "web"' },
        { rule: 'night', why: 'task "print" is not reports.* or mail.digest?' },
      ],
    });
    const { by, why, passed } = router.explain('orders.ship', { customer: {} });
    expect([by, why]).toEqual(['default', 'no rule matches, and its task names no queue']);
    expect(passed[0]).toEqual({ rule: 'premium', why: 'customer.tier is not as wanted' });
    expect(passed[1]).toEqual({ rule: 'imports', why: 'header source is not there' });
    expect(passed[4]?.why).toBe('its function when says no');
    expect(router.explain('shard', 2).passed[4]?.why).toBe('its function queue names none');
    expect(router.explain('reports.daily', undefined, { at: new Date('2026-01-14T12:00:00Z') }).passed[2]?.why).toBe(
      '2026-01-14T12:00:00.000Z is not within 22:00–06:00 Europe/Berlin',
    );
  });

  it('leaves a job whose task names a queue there when no rule matches', () => {
    expect(router.route(call('mail', undefined, { queue: 'own' }))).toBeUndefined();
    expect(router.explain({ name: 'mail', queue: 'own' })).toMatchObject({ queue: 'own', by: 'task' });
    expect(router.explain({ name: 'mail', queue: 'default' })).toMatchObject({ queue: 'default', by: 'default' });
    expect(router.explain({ name: 'shard', queue: 'own' }, 1)).toMatchObject({ queue: 'high', by: 'shards' });
    expect(router.explain('shard', 1, { queue: 'elsewhere', priority: 3 })).toMatchObject({
      queue: 'elsewhere',
      priority: 3,
      by: 'enqueue',
    });
  });

  it('gives a priority, with a queue or without', () => {
    const ranks = new Router({
      queues: ['a', 'b'],
      rules: [
        { task: 'first', queue: 'b', priority: 9 },
        { task: 'second', priority: 0 },
      ],
      default: 'a',
    });
    expect(ranks.route(call('first'))).toEqual({ queue: 'b', priority: 9 });
    expect(ranks.route(call('second'))).toEqual({ queue: 'a', priority: 0 });
    expect(ranks.route(call('second', undefined, { queue: 'own' }))).toEqual({ queue: 'own', priority: 0 });
    expect(ranks.explain('first', undefined, { priority: 2 })).toMatchObject({ queue: 'b', priority: 2 });
  });

  it('takes a rule that throws for one that does not match, and says so once', async () => {
    const warned: unknown[] = [];
    const listener = (warning: Error): void => void (warning.message.includes('content') && warned.push(warning));
    process.on('warning', listener);
    const throws = lone({
      name: 'content',
      input: ({ customer }: { readonly customer: { readonly tier: string } }) => customer.tier === 'gold',
    });
    expect([throws.route(call('t')), throws.route(call('t'))]).toEqual([{ queue: 'low' }, { queue: 'low' }]);
    expect(throws.explain('t').passed[0]?.why).toMatch(/it threw: TypeError/u);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listener);
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatchObject({ code: 'OXBOW_ROUTING', message: expect.stringContaining('content threw') as string });
  });

  it('refuses a queue that a rule computes and nobody declares', () => {
    const computes = lone({ when: () => true, queue: () => 'hihg' as 'high' });
    expect(() => computes.route(call('t'))).toThrow(coded('unknown_queue', /"hihg".*Did you mean "high"/u));
  });

  it('knows the queues of its app when it names none itself, and is refused by one that has not those of its rules', () => {
    const open = new Router({ rules: [{ task: 'a', queue: 'fast' }], default: 'slow' });
    const app = (...names: string[]) => ({ name: 'shop', queues: new Map(names.map((name) => [name, {}])) });
    open.install(app('fast', 'slow'));
    expect(() => open.install(app())).not.toThrow();
    const fresh = (rule: string, fallback: string): Router => new Router({ rules: [{ task: 'a', queue: rule }], default: fallback });
    expect(() => fresh('fats', 'slow').install(app('fast', 'slow'))).toThrow(
      coded('unknown_queue', /"rule 1" leads to queue "fats".*"fast"/u),
    );
    expect(() => fresh('fast', 'solw').install(app('fast', 'slow'))).toThrow(coded('unknown_queue', /default is queue "solw".*"slow"/u));
    expect(() => fresh('fast', 'slow').install(app())).toThrow(coded('invalid_options', /which queues there are/u));
  });

  it('is refused by an app in which the queue of a priority has none', () => {
    const ranks = new Router({ queues: ['a', 'b'], rules: [{ task: 't', queue: 'b', priority: 9 }], default: 'a' });
    expect(() => ranks.install({ name: 'shop', queues: new Map([['b', {}]]) })).toThrow(
      coded('invalid_options', /queue "b" of app "shop" has none/u),
    );
    expect(() => ranks.install({ name: 'shop', queues: new Map([['b', { priorities: true }]]) })).not.toThrow();
  });

  const rule = { task: 't', queue: 'high' };
  it.each<[string, object, string, RegExp]>([
    ['no rules', { rules: [] }, 'invalid_options', /rules: there is no rule/u],
    ['no default', { default: undefined }, 'invalid_options', /default: names no queue/u],
    ['an unknown default', { default: 'hi' }, 'unknown_queue', /default is queue "hi"/u],
    ['an unknown option', { rule: [] }, 'invalid_options', /"rule".*Did you mean "rules"/u],
    ['no queues', { queues: [] }, 'invalid_options', /queues/u],
    ['a rule to an unknown queue', { rules: [{ task: 't', queue: 'hgih' }] }, 'unknown_queue', /"hgih".*Did you mean "high"/u],
    ['a rule with an unknown option', { rules: [{ ...rule, tsak: 't' }] }, 'invalid_options', /rules\[0\].*"tsak".*Did you mean "task"/u],
    ['a rule that says nothing', { rules: [{ queue: 'high' }] }, 'invalid_options', /rules\[0\].*says nothing/u],
    ['a rule that leads nowhere', { rules: [{ task: 't' }] }, 'invalid_options', /leads nowhere/u],
    [
      'a bad pattern',
      { rules: [{ ...rule, task: 'orders/[a-z]' }] },
      'invalid_options',
      /rules\[0\]\.task: "orders\/\[a-z\]" is no pattern/u,
    ],
    ['no pattern', { rules: [{ ...rule, task: [] }] }, 'invalid_options', /task/u],
    ['an empty content', { rules: [{ ...rule, input: {} }] }, 'invalid_options', /input/u],
    ['a content of functions', { rules: [{ ...rule, input: { a: () => true } }] }, 'invalid_options', /input/u],
    ['no headers', { rules: [{ ...rule, headers: {} }] }, 'invalid_options', /names no header/u],
    ['a bad window', { rules: [{ ...rule, time: { from: '25:00', to: '06:00' } }] }, 'invalid_options', /rules\[0\]\.time\.from/u],
    [
      'an unknown zone',
      { rules: [{ ...rule, time: { from: '22:00', to: '06:00', zone: 'Mars' } }] },
      'invalid_options',
      /"Mars" is no time zone/u,
    ],
    ['a bad day', { rules: [{ ...rule, time: { from: '22:00', to: '06:00', days: ['friday'] } }] }, 'invalid_options', /time/u],
    ['a priority of 10', { rules: [{ ...rule, priority: 10 }] }, 'invalid_options', /priority/u],
    [
      'two rules of one name',
      {
        rules: [
          { ...rule, name: 'a' },
          { ...rule, name: 'a' },
        ],
      },
      'invalid_options',
      /"a" cannot be the name/u,
    ],
    ['a rule called default', { rules: [{ ...rule, name: 'default' }] }, 'invalid_options', /"default" cannot be the name/u],
    ['no object', { rules: ['t'] }, 'invalid_options', /rules\[0\]/u],
  ])('with %s is refused', (_, options, code, message) => {
    expect(() => new Router({ queues: ['high', 'low'], rules: [rule], default: 'low', ...options } as RouterOptions)).toThrow(
      coded(code, message),
    );
  });
});
