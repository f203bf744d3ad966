import { describe, expect, it, vi } from 'vitest';
import { Gate } from '../testing/gate.ts';
import { PacedWrite } from './paced-write.ts';

const EVERY_MS = 100;

/** Values that are written as they are when the write begins. */
function written(): { readonly values: number[]; readonly times: number[]; readonly paced: PacedWrite; set(value: number): Promise<void> } {
  const values: number[] = [];
  const times: number[] = [];
  let now = 0;
  const paced = new PacedWrite(EVERY_MS, async () => {
    values.push(now);
    times.push(performance.now());
  });
  return {
    values,
    times,
    paced,
    set: (value) => {
      now = value;
      return paced.offer();
    },
  };
}

describe('paced writes', () => {
  it('are the first value at once, then the latest when it is due', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const { values, paced, set } = written();
      for (const value of [1, 2, 3]) await set(value);
      expect(values).toEqual([1]);
      expect(paced.hasUnwritten).toBe(true);
      await vi.advanceTimersByTimeAsync(EVERY_MS - 1);
      expect(values).toEqual([1]);
      await vi.advanceTimersByTimeAsync(1);
      expect(values).toEqual([1, 3]);
      expect(paced.hasUnwritten).toBe(false);
      for (let value = 10; value < 1010; value++) {
        await set(value);
        await vi.advanceTimersByTimeAsync(1);
      }
      expect(values.length).toBeLessThanOrEqual(2 + 10);
    } finally {
      vi.useRealTimers();
    }
  });

  it('do not pile up behind one that takes long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const gate = new Gate();
      let begun = 0;
      const paced = new PacedWrite(EVERY_MS, async () => {
        begun += 1;
        await gate.pass();
      });
      const first = paced.offer();
      for (let n = 0; n < 100; n++) await paced.offer();
      await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
      expect(begun).toBe(1);
      gate.open();
      await first;
      await paced.flush();
      expect(begun).toBe(2);
      expect(paced.hasUnwritten).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that failed are tried with the next value, and at the end', async () => {
    let away = true;
    const tries: boolean[] = [];
    const paced = new PacedWrite(0, async () => {
      tries.push(away);
      if (away) throw new Error('away');
    });
    await expect(paced.offer()).rejects.toThrow('away');
    await expect(paced.flush()).rejects.toThrow('away');
    expect(paced.hasUnwritten).toBe(true);
    away = false;
    await paced.flush();
    expect(tries).toEqual([true, true, false]);
    expect(paced.hasUnwritten).toBe(false);
  });

  it('are spared by what was written with something else, and given up by a stop', async () => {
    const { values, paced, set } = written();
    await set(1);
    await set(2);
    paced.written();
    await paced.flush();
    await set(3);
    paced.stop();
    await paced.flush();
    expect(values).toEqual([1]);
  });
});
