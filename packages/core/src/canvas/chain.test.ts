import { describe, expect, it } from 'vitest';
import { chain } from './chain.ts';
import { chord } from './chord.ts';
import { group } from './group.ts';
import type { AnySignature } from './fit.ts';
import { recorder, testTask } from './testing/recorder.ts';
import type { Tree } from './tree.ts';

const shop = recorder();
const a = testTask('a', shop);
const foreign = testTask('f', recorder('billing'));
const one: Tree = { type: 'task', task: 'a' };

const invalid = (path: string, message: RegExp): object =>
  expect.objectContaining({ code: 'invalid_canvas', path, message: expect.stringMatching(message) });

describe('a chain', () => {
  it('has its steps in order; chains without anything of their own are spliced in', () => {
    expect(chain(a.s(), a.s()).toJSON()).toEqual({ type: 'chain', steps: [one, one] });
    expect(chain(chain(a.s(), a.s()), chain(a.s())).toJSON()).toEqual({ type: 'chain', steps: [one, one, one] });
    expect(a.s().pipe(a.s()).pipe(a.s()).toJSON()).toEqual({ type: 'chain', steps: [one, one, one] });
    const linked = chain(a.s(), a.s()).link(a.s());
    expect(chain(linked, a.s()).toJSON()).toEqual({ type: 'chain', steps: [linked.toJSON(), one] });
  });

  it('without a step is refused', () => {
    expect(() => (chain as () => unknown)()).toThrow(invalid('', /at least one step/u));
  });

  it.each<[string, unknown, RegExp]>([
    ['a promise', Promise.resolve(1), /^steps\.1: is a promise, not a signature: pass task\.s\(\)/u],
    ['a task', a, /^steps\.1: is a task, not a signature/u],
    ['undefined', undefined, /^steps\.1: is undefined, not a signature/u],
    ['null', null, /is null/u],
    ['a list', [a.s()], /is a list/u],
    ['JSON of a signature', one, /is object/u],
  ])('refuses %s as a step', (_, step, message) => {
    expect(() => chain(a.s(), step as never)).toThrow(invalid('steps.1', message));
  });

  it('is of one app', () => {
    expect(() => chain(a.s(), foreign.s())).toThrow(invalid('steps.1', /belongs to app "billing", the others to app "shop"/u));
    expect(() => chain(group(), group(a.s()), group(foreign.s()))).toThrow(invalid('steps.2', /billing/u));
  });

  it('of any length is no deeper', () => {
    let long: AnySignature = a.s();
    for (let step = 0; step < 500; step++) long = long.pipe(a.s());
    expect(long.toJSON()).toMatchObject({ steps: { length: 501 } });
  });
});

describe('signatures inside one another', () => {
  const nested = (levels: number): AnySignature => {
    let canvas: AnySignature = a.s();
    for (let level = 1; level < levels; level++) canvas = group(canvas);
    return canvas;
  };

  it('go 100 deep and no deeper', () => {
    expect(nested(100)).toBeDefined();
    expect(() => nested(101)).toThrow(invalid('', /at most 100 deep/u));
    expect(() => a.s().link(nested(100) as never)).toThrow(invalid('', /at most 100 deep/u));
    expect(() => chord([nested(99)], a.s())).toThrow(invalid('', /at most 100 deep/u));
  });
});

describe('a chord', () => {
  const json: Tree = { type: 'chord', header: { type: 'group', members: [one] }, body: one };

  it('has a group or a list as header', () => {
    expect(chord([a.s()], a.s()).toJSON()).toEqual(json);
    expect(chord(group(a.s()), a.s()).toJSON()).toEqual(json);
    expect(chord(new Set([a.s()]), a.s()).toJSON()).toEqual(json);
    expect(chord([], a.s()).toJSON()).toEqual({ ...json, header: { type: 'group', members: [] } });
  });

  it('refuses a chain or a task as header', () => {
    expect(() => chord(chain(a.s(), a.s()) as never, a.s() as never)).toThrow(invalid('header', /not a chain: put it in a list/u));
    expect(() => chord(a.s() as never, a.s() as never)).toThrow(invalid('header', /not a task: put it in a list/u));
    expect(() => chord(5 as never, a.s() as never)).toThrow(invalid('header', /a group or a list/u));
    expect(() => chord([Promise.resolve(1)] as never, a.s() as never)).toThrow(invalid('header.members.0', /is a promise/u));
  });

  it('has a body, of the same app', () => {
    expect(() => (chord as (header: unknown) => unknown)([a.s()])).toThrow(invalid('body', /has a body/u));
    expect(() => chord([a.s()], Promise.resolve(1) as never)).toThrow(invalid('body', /is a promise/u));
    expect(() => chord([a.s()], foreign.s())).toThrow(invalid('body', /billing/u));
  });
});
