import { describe, expect, it, onTestFinished } from 'vitest';
import type { Replies, ToldEnd } from '../engine/engine.ts';
import { until } from '../testing/until.ts';
import { ToldEnds } from './told-ends.ts';

const end = (jobId: string, value = '1'): ToldEnd => ({ jobId, name: 'completed', value });

/** What hears, when it is told to. */
function told(address: string | undefined = 'here') {
  let tell: (told: ToldEnd) => void = () => undefined;
  let hears = 0;
  const replies: Replies = { address, hear: () => void (hears += 1), listen: (onEnd) => void (tell = onEnd) };
  const ends = new ToldEnds(replies);
  onTestFinished(() => ends.close());
  const seen: string[] = [];
  const wait = (jobId: string) =>
    ends.wait(jobId, { onEnd: ({ value }) => seen.push(`${jobId} ${value}`), onOverdue: () => seen.push(`${jobId} overdue`) });
  return { ends, seen, wait, tell: (one: ToldEnd) => tell(one), hears: () => hears };
}

describe('ToldEnds', () => {
  it('gives its address for queues of which results are awaited, while it hears', () => {
    const { ends, hears } = told();
    expect(ends.addressFor('a')).toBeUndefined();
    ends.expect('a');
    expect(hears()).toBe(1);
    expect(ends.addressFor('a')).toBe('here');
    expect(ends.addressFor('b')).toBeUndefined();
    const deaf = new ToldEnds({ address: undefined, hear: () => undefined, listen: () => undefined });
    deaf.expect('a');
    expect(deaf.addressFor('a')).toBeUndefined();
    const without = new ToldEnds(undefined);
    without.expect('a');
    expect(without.addressFor('a')).toBeUndefined();
  });

  it('tells one wait, once, before or after the end', () => {
    const { seen, wait, tell } = told();
    wait('a');
    tell(end('a'));
    tell(end('a', '2'));
    tell(end('b'));
    expect(wait('b')).toBeUndefined();
    expect(seen).toEqual(['a 1', 'b 1']);
  });

  it('calls a wait overdue that is not told in time, the oldest first, and one that was left never', async () => {
    const { seen, wait, tell } = told();
    wait('a');
    const leave = wait('b');
    wait('c');
    leave?.();
    tell(end('b'));
    await until('both are overdue', () => seen.length === 2);
    expect(seen).toEqual(['a overdue', 'c overdue']);
    wait('d');
    await until('a later one is overdue', () => seen.length === 3);
  });

  it('lets a second wait for the same job go its own way', () => {
    const { seen, wait, tell } = told();
    wait('a');
    wait('a');
    tell(end('a'));
    expect(seen).toEqual(['a overdue', 'a 1']);
  });

  it('keeps 500 to 1,000 ends that nobody waits for, and no large ones', () => {
    const { seen, wait, tell } = told();
    tell(end('large', 'x'.repeat(5000)));
    for (let n = 0; n < 1500; n += 1) tell(end(String(n)));
    wait('large')?.();
    wait('499')?.();
    for (const id of ['500', '1499']) wait(id);
    expect(seen).toEqual(['500 1', '1499 1']);
  });

  it('ends what waits when it closes', () => {
    const { ends, seen, wait } = told();
    wait('a');
    ends.close();
    expect(seen).toEqual(['a overdue']);
  });
});
