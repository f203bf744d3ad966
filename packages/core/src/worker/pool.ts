import { fairShares } from './fair-shares.ts';
import type { Slots } from './slots.ts';

export interface PoolSettings {
  readonly slots: number;
  /** Queue → weight. */
  readonly weights: ReadonlyMap<string, number>;
}

/** What each queue has while all have jobs that wait, and at the start. */
export function guaranteedSlots({ slots, weights }: PoolSettings): ReadonlyMap<string, number> {
  const shares = fairShares(
    slots,
    [...weights.values()].map((weight) => ({ weight, wants: Infinity })),
  );
  return new Map([...weights.keys()].map((queue, i) => [queue, shares[i] ?? 1]));
}

/**
 * Moves slots between the queues of a worker, each with one lane, whenever jobs start and end.
 *
 * A queue whose slots are all taken has perhaps jobs that wait: it wants more, up to its share. One with a free slot has none: beyond what it
 * runs it keeps one slot, which waits for the next job, while it has less than its guaranteed share. A lane gives slots up at once, but they are
 * free only when its jobs have ended; so, at any moment, no more jobs run than there are slots in the pool.
 */
export class Pool {
  readonly #slots: Slots;
  readonly #settings: PoolSettings;
  readonly #guaranteed: ReadonlyMap<string, number>;
  #due = false;
  #stopped = false;

  constructor(settings: PoolSettings, slots: Slots) {
    this.#settings = settings;
    this.#slots = slots;
    this.#guaranteed = guaranteedSlots(settings);
  }

  /** To be called whenever a lane may have more or fewer of its slots taken. Slots move once in a turn of the event loop. */
  readonly changed = (): void => {
    if (this.#due || this.#stopped) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (!this.#stopped) this.#move();
    });
  };

  stop(): void {
    this.#stopped = true;
  }

  #move(): void {
    const { lanes } = this.#slots;
    const demands = lanes.map(({ queue, saturated, held }) => ({
      weight: this.#settings.weights.get(queue) ?? 1,
      wants: saturated ? Infinity : held < (this.#guaranteed.get(queue) ?? 1) ? held + 1 : held,
    }));
    const shares = fairShares(this.#settings.slots, demands);
    let free = this.#settings.slots;
    for (const [i, lane] of lanes.entries()) {
      const share = shares[i] ?? 1;
      if (share < lane.slots) this.#slots.move(lane.queue, share);
      free -= Math.max(lane.slots, lane.held);
    }
    const growing = lanes.flatMap((lane, i) => ((shares[i] ?? 1) > lane.slots ? [{ ...demands[i]!, lane, share: shares[i] ?? 1 }] : []));
    if (free <= 0 || growing.length === 0) return;
    // Who is furthest from its share comes first.
    for (const { lane, share } of growing.toSorted((a, b) => a.lane.slots / a.weight - b.lane.slots / b.weight)) {
      const taken = Math.max(lane.slots, lane.held);
      const more = Math.min(share, taken + free);
      if (more <= lane.slots) continue;
      free -= Math.max(0, more - taken);
      this.#slots.move(lane.queue, more);
    }
  }
}
