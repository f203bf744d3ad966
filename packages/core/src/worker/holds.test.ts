import { expect, it } from 'vitest';
import type { Lane } from '../engine/engine.ts';
import { Holds } from './holds.ts';

it('a lane fetches when no reason is left to hold its queue', () => {
  const [holds, a, b] = [new Holds(['a', 'b']), lane('a'), lane('b')];
  holds.add(a.lane);
  holds.add(b.lane);
  holds.hold('paused', 'a');
  holds.hold('clock');
  expect([a.calls, b.calls]).toEqual([['pause'], ['pause']]);
  expect(holds.heldFor('paused')).toEqual(['a']);
  holds.release('clock');
  expect([a.calls, b.calls]).toEqual([['pause'], ['pause', 'resume']]);
  holds.release('paused');
  holds.release('paused', 'a');
  expect(a.calls).toEqual(['pause', 'resume']);
  expect(holds.heldFor('paused')).toEqual([]);
});

it('a lane that is made while its queue is held does not fetch', () => {
  const [holds, a, b] = [new Holds(['a', 'b']), lane('a'), lane('b')];
  holds.hold('paused', 'a');
  holds.add(a.lane);
  holds.add(b.lane);
  expect([a.calls, b.calls]).toEqual([['pause'], []]);
});

function lane(queue: string): { readonly lane: Lane; readonly calls: string[] } {
  const calls: string[] = [];
  return { calls, lane: { queue, pause: () => calls.push('pause'), resume: () => calls.push('resume') } as unknown as Lane };
}
