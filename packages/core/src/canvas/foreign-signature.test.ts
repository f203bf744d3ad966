import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../task/payload.ts';
import { chain } from './chain.ts';
import { chord } from './chord.ts';
import { fromJson } from './foreign-signature.ts';
import { group } from './group.ts';
import type { Signature } from './signature.ts';
import { recorder, testTask } from './testing/recorder.ts';

const shop = recorder();
const a = testTask('a', shop);
const rules = { limits: DEFAULT_LIMITS, knows: (task: string) => task === 'a' };
const read = (json: unknown): Signature<unknown, unknown> => fromJson(json, shop, rules);
const task = { type: 'task', task: 'a' };

const canvases = {
  task: a.s(),
  partial: a.under('y', { x: 1 }),
  immutable: a.si([1]),
  map: a.map([1, 2]),
  chain: chain(a.s(), a.s()).link(a.s()),
  group: group(a.s(), a.si(null)).quorum(1).cancelRest(),
  chord: chord([a.s()], a.s()).onError(chain(a.s(), a.s())),
  empty: group(),
  options: a.s().with({ queue: 'q', priority: 0, delay: '5s', expires: 5, retry: { attempts: 2 }, headers: { a: 'b' } }),
};

describe('JSON of a canvas', () => {
  it.each(Object.entries(canvases))('%s comes back equal, from text and from objects', async (_, canvas) => {
    for (const json of [JSON.stringify(canvas), JSON.parse(JSON.stringify(canvas)) as unknown, canvas]) {
      const back = read(json);
      expect(back.toJSON()).toEqual(canvas.toJSON());
      expect(back.constructor).toBe(canvas.constructor);
    }
    await expect(read(JSON.stringify(canvas)).enqueue(1)).resolves.toMatchObject({ id: expect.stringContaining('run@') });
  });

  it('is composed with others as any signature', () => {
    expect(chain(read(task), a.s()).toJSON()).toEqual({ type: 'chain', steps: [task, task] });
  });

  it('has each link once', () => {
    expect(read({ ...task, links: [task, task], errors: [] }).toJSON()).toEqual({ ...task, links: [task] });
  });
});

describe('foreign JSON is refused, with its place:', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['no object', 5, '', /is no signature/u],
    ['null', null, '', /is no signature/u],
    ['a list', [task], '', /is no signature/u],
    ['no type', {}, '', /is no signature/u],
    ['an unknown type', { type: 'saga' }, '', /is no signature/u],
    ['a broken text', '{', '', /is no JSON/u],
    ['no task', { type: 'task' }, '', /task: /u],
    ['an unknown task', { type: 'chain', steps: [task, { type: 'task', task: 'b' }] }, 'steps.1', /no task "b"/u],
    ['a name that is none', { type: 'task', task: 'a b' }, '', /task name/u],
    ['an unknown key', { ...task, recieve: 'x' }, '', /unknown option "recieve"\. Did you mean "receive"/u],
    ['an unknown key below', { type: 'group', members: [{ ...task, x: 1 }] }, 'members.0', /unknown option "x"/u],
    ['a forbidden key', JSON.parse('{"type":"task","task":"a","__proto__":{"x":1}}'), '', /__proto__/u],
    ['a forbidden key in an input', JSON.parse('{"type":"task","task":"a","input":{"__proto__":1}}'), '', /forbidden/u],
    ['a forbidden key in headers', JSON.parse('{"type":"task","task":"a","options":{"headers":{"constructor":"x"}}}'), '', /constructor/u],
    ['a key to receive that is forbidden', { ...task, receive: '__proto__' }, '', /prototypes/u],
    ['receive with immutable', { ...task, input: {}, immutable: true, receive: 'x' }, '', /receives nothing/u],
    ['a partial that is no object', { ...task, input: 5 }, '', /takes an object/u],
    ['a map of no list', { ...task, input: 5, immutable: true, map: true }, '', /map goes with a list/u],
    ['immutable that is not true', { ...task, immutable: 1 }, '', /immutable/u],
    ['an empty chain', { type: 'chain', steps: [] }, '', /at least one step/u],
    ['a chord without a body', { type: 'chord', header: { type: 'group', members: [] } }, 'body', /is no signature/u],
    ['a chord with a chain as header', { type: 'chord', header: { type: 'chain', steps: [task] }, body: task }, 'header', /not a chain/u],
    ['a quorum over the group', { type: 'group', members: [task], join: { quorum: 2 } }, '', /cannot be reached/u],
    ['an unknown policy', { type: 'group', members: [], join: 'any' }, '', /join/u],
    ['cancelRest where nothing fails', { type: 'group', members: [], join: 'settle', cancelRest: true }, '', /never does/u],
    ['an unknown option', { ...task, options: { quue: 'x' } }, '', /Did you mean "queue"/u],
    ['unique', { ...task, options: { unique: true } }, '', /cannot be used inside a canvas/u],
    ['a wrong link', { ...task, links: [{ type: 'chain', steps: [task, 5] }] }, 'links.0.steps.1', /is no signature/u],
    ['a wrong error handler', { ...task, errors: [{}] }, 'errors.0', /is no signature/u],
    ['an input over the limits', { ...task, input: { x: 'x'.repeat(300_000) } }, '', /limit is 262144/u],
  ])('%s', (_, json, path, message) => {
    expect(() => read(json)).toThrow(expect.objectContaining({ code: 'invalid_canvas', path }));
    expect(() => read(json)).toThrow(message);
  });

  it('over 100 deep, however deep', () => {
    const nested = (levels: number): unknown => {
      let json: unknown = task;
      for (let level = 1; level < levels; level++) json = { type: 'group', members: [json] };
      return json;
    };
    expect(read(nested(100)).toJSON()).toEqual(nested(100));
    for (const levels of [101, 5_000]) expect(() => read(nested(levels))).toThrow(/at most 100 deep/u);
  });

  it('whatever it is, by an InvalidCanvasError alone', () => {
    const part = fc.oneof(fc.constantFrom('task', 'chain', 'group', 'chord', 'a', true, 1, null), fc.jsonValue());
    const json = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue(),
        fc.record(
          {
            type: fc.constantFrom('task', 'chain', 'group', 'chord'),
            task: fc.constantFrom('a', 'b', 1),
            input: fc.jsonValue(),
            immutable: part,
            receive: part,
            map: part,
            join: part,
            options: part,
            steps: fc.array(tie('node'), { maxLength: 3 }),
            members: fc.array(tie('node'), { maxLength: 3 }),
            header: tie('node'),
            body: tie('node'),
            links: fc.array(tie('node'), { maxLength: 2 }),
          },
          { requiredKeys: ['type'] },
        ),
      ),
    })).node;
    fc.assert(
      fc.property(json, (value) => {
        try {
          expect(read(typeof value === 'string' ? { value } : value).toJSON()).toBeDefined();
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_canvas' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
