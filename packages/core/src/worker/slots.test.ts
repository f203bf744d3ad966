import { expect, it } from 'vitest';
import type { Lane } from '../engine/engine.ts';
import { Slots } from './slots.ts';

const laneOf = (queue: string, first: number): Lane => {
  const lane = { queue, slots: first, resize: (slots: number) => void (lane.slots = slots) };
  return lane as unknown as Lane;
};

it('spreads the slots of a queue over its lanes as evenly as whole numbers go', () => {
  const slots = new Slots(
    new Map([
      ['large', 40],
      ['small', 3],
    ]),
  );
  slots.open(16, laneOf);
  const spread = (): readonly string[] => slots.lanes.map((lane) => `${lane.queue} ${lane.slots}`);
  expect(spread()).toEqual(['large 14', 'large 13', 'large 13', 'small 3']);
  slots.resize('large', 2);
  slots.resize('small', 100);
  expect(spread()).toEqual(['large 1', 'large 1', 'large 0', 'small 100']);
  expect(Object.fromEntries(slots.queues)).toEqual({ large: 2, small: 100 });
});

it('refuses a queue that it does not have, and what is no number of slots', () => {
  const slots = new Slots(new Map([['mail', 4]]));
  expect(() => slots.resize('mails', 4)).toThrow(
    expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(/"mails".*mail/u) }),
  );
  for (const bad of [0, -1, 1.5, 1001, Number.NaN, '3'])
    expect(() => slots.resize('mail', bad as number)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  expect(slots.queues.get('mail')).toBe(4);
});
