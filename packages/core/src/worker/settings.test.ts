import { expect, it } from 'vitest';
import { resolveWorkerOptions } from './settings.ts';

const resolve = (options: object): ReturnType<typeof resolveWorkerOptions> => resolveWorkerOptions(options, new Map());
const queues = { a: 1, b: 2 };

it('a pool begins with what each queue has at least while all have jobs that wait', () => {
  expect(resolve({ pool: { slots: 7, queues: { high: 4, low: 2, bulk: 1 } } }).queues).toEqual(
    new Map([
      ['high', 4],
      ['low', 2],
      ['bulk', 1],
    ]),
  );
  expect(resolve({ pool: { slots: 2, queues } }).queues).toEqual(
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
  );
});

it.each([
  ['fewer slots than queues', { pool: { slots: 1, queues } }, /1, but the pool has 2 queues/u],
  ['too many slots', { pool: { slots: 1001, queues } }, /pool\.slots/u],
  ['half a slot', { pool: { slots: 2.5, queues } }, /pool\.slots/u],
  ['no queue', { pool: { slots: 4, queues: {} } }, /names no queue/u],
  ['no weight', { pool: { slots: 4, queues: { a: 0 } } }, /pool\.queues\.a/u],
  ['a weight below nothing', { pool: { slots: 4, queues: { a: -1, b: 1 } } }, /pool\.queues\.a/u],
  ['slots of its own for a queue', { pool: { slots: 4, queues }, queues: { a: 1 } }, /queues or pool, not both/u],
  ['an option that there is not', { pool: { slot: 4, queues } }, /./u],
])('a pool with %s is refused', (_, options, message) => {
  expect(() => resolve(options)).toThrow(expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) }));
});

it('a pool of a queue whose name is none is refused', () => {
  expect(() => resolve({ pool: { slots: 4, queues: { 'a b': 1 } } })).toThrow(expect.objectContaining({ code: 'invalid_name' }));
});
