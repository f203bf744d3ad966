import { expect, it } from 'vitest';
import { InFlight } from './in-flight.ts';

it('gives what is in it in the order in which it came, each as often as it came', () => {
  const flight = new InFlight<string>();
  for (const one of ['a', 'b', 'a', 'c']) flight.add(one);
  flight.delete('a');
  flight.delete('not there');
  expect([...flight]).toEqual(['b', 'a', 'c']);
  expect(flight.size).toBe(3);
});

it('may change while it is gone through', () => {
  const flight = new InFlight<number>();
  for (const one of [1, 2, 3]) flight.add(one);
  const seen: number[] = [];
  for (const one of flight) {
    seen.push(one);
    flight.delete(one);
    flight.add(one + 10);
  }
  expect(seen).toEqual([1, 2, 3]);
  expect([...flight]).toEqual([11, 12, 13]);
});
