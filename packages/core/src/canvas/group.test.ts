import { describe, expect, it } from 'vitest';
import { chain } from './chain.ts';
import { group } from './group.ts';
import { recorder, testTask } from './testing/recorder.ts';
import type { Tree } from './tree.ts';

const shop = recorder();
const a = testTask('a', shop);
const one: Tree = { type: 'task', task: 'a' };

const invalid = (path: string, message: RegExp): object =>
  expect.objectContaining({ code: 'invalid_canvas', path, message: expect.stringMatching(message) });

describe('a group', () => {
  it('has its members in order, from arguments or anything iterable', () => {
    const json = { type: 'group', members: [one, one] };
    expect(group(a.s(), a.s()).toJSON()).toEqual(json);
    expect(group([a.s(), a.s()]).toJSON()).toEqual(json);
    expect(group(new Set([a.s(), a.s()])).toJSON()).toEqual(json);
    expect(
      group(
        (function* members() {
          yield a.s();
          yield a.s();
        })(),
      ).toJSON(),
    ).toEqual(json);
  });

  it('may be empty, or of one, and keeps its nesting', () => {
    expect(group().toJSON()).toEqual({ type: 'group', members: [] });
    expect(group([]).toJSON()).toEqual({ type: 'group', members: [] });
    expect(group(group(a.s())).toJSON()).toEqual({ type: 'group', members: [{ type: 'group', members: [one] }] });
  });

  it('takes tens of thousands of members', () => {
    expect(group(Array.from({ length: 50_000 }, () => a.s())).toJSON()).toMatchObject({ members: { length: 50_000 } });
  });

  it.each<[string, unknown, RegExp]>([
    ['a promise', Promise.resolve(1), /is a promise/u],
    ['a task', a, /is a task/u],
    ['text', 'abc', /is text|is string/u],
    ['a number', 5, /is number/u],
  ])('refuses %s as a member', (_, member, message) => {
    expect(() => group(member as never)).toThrow(invalid('members.0', message));
    expect(() => group(a.s(), member as never)).toThrow(invalid('members.1', message));
    expect(() => group([a.s(), member as never])).toThrow(invalid('members.1', message));
  });
});

describe('the policy of a group', () => {
  const three = group(a.s(), a.s(), a.s());

  it('is written down', () => {
    expect(three.settle().toJSON()).toMatchObject({ join: 'settle' });
    expect(three.ignore().toJSON()).toMatchObject({ join: 'ignore' });
    expect(three.quorum(3).toJSON()).toMatchObject({ join: { quorum: 3 } });
    expect(three.cancelRest().toJSON()).toMatchObject({ cancelRest: true });
    expect(three.quorum(2).cancelRest().settle).toBeDefined();
    expect(three.toJSON()).not.toHaveProperty('join');
  });

  it.each([0, -1, 1.5, Number.NaN, '2'])('quorum is a whole number from 1: %s is not', (quorum) => {
    expect(() => three.quorum(quorum as number)).toThrow(invalid('', /whole number from 1/u));
  });

  it('quorum is not larger than the group', () => {
    expect(() => three.quorum(4)).toThrow(invalid('', /quorum of 4 cannot be reached by 3 members/u));
    expect(() => group().quorum(1)).toThrow(invalid('', /by 0 members/u));
  });

  it('that never fails has no rest to cancel', () => {
    expect(() => three.settle().cancelRest()).toThrow(invalid('', /"settle" never does/u));
    expect(() => three.cancelRest().ignore()).toThrow(invalid('', /"ignore" never does/u));
  });

  it('is said before links, which take what it gives', () => {
    expect(() => three.link(a.s()).settle()).toThrow(invalid('', /before link\(\)/u));
    expect(chain(three.settle().link(a.s())).toJSON()).toBeDefined();
  });
});

describe('map and chunks', () => {
  it('map is one job with all items', () => {
    expect(a.map(new Set([1, 2])).toJSON()).toEqual({ type: 'task', task: 'a', input: [1, 2], immutable: true, map: true });
    expect(a.map([]).toJSON()).toMatchObject({ input: [] });
  });

  it('chunks is a group of them, the last may be short', () => {
    const { members } = a.chunks([1, 2, 3, 4, 5], 2).toJSON() as { readonly members: readonly { readonly input: unknown }[] };
    expect(members.map(({ input }) => input)).toEqual([[1, 2], [3, 4], [5]]);
    expect(a.chunks([], 2).toJSON()).toEqual({ type: 'group', members: [] });
  });

  it.each([0, -1, 1.5, Number.NaN, undefined])('the size of chunks is a whole number from 1: %s is not', (size) => {
    expect(() => a.chunks([1], size as number)).toThrow(invalid('', /size of chunks/u));
  });

  it.each([undefined, null, 5, {}, 'abc'])('take a list, not %s', (items) => {
    expect(() => a.map(items)).toThrow(invalid('', /Task "a": map takes an array/u));
    expect(() => a.chunks(items, 1)).toThrow(invalid('', /chunks takes an array/u));
  });

  it('name the item that JSON cannot carry', () => {
    expect(() => a.map([1, Promise.resolve(2)])).toThrow(expect.objectContaining({ code: 'serialization', path: 'input.1' }));
  });
});
