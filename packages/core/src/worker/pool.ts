import type { Lane } from '../engine/engine.ts';
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

/** Between two looks. A job that comes alone must not move slots, and one that waits should not wait for long. */
const AIM_MS = 10;

/**
 * Moves slots between the queues of a worker, each with one lane, while jobs start and end.
 *
 * A queue whose fetches have all brought jobs, for the time from one look to the next, has perhaps more that wait: it wants all it can get. One
 * that was found empty wants what it runs and, while that is less than its guaranteed share, one slot more, which waits for the next job.
 * What they want makes their fair shares. A lane over its share gives slots up at once, but they are free only when its jobs have ended, and go
 * to others then; so, at any moment, no more jobs run than there are slots in the pool.
 */
export class Pool {
  readonly #slots: Slots;
  readonly #settings: PoolSettings;
  readonly #guaranteed: ReadonlyMap<string, number>;
  /** Queues that were found empty since the last look. */
  readonly #empty = new Set<string>();
  #shares: ReadonlyMap<string, number>;
  #aiming: NodeJS.Timeout | undefined;
  #giving: NodeJS.Immediate | undefined;
  #owes = false;
  #stopped = false;

  constructor(settings: PoolSettings, slots: Slots) {
    this.#settings = settings;
    this.#slots = slots;
    this.#guaranteed = guaranteedSlots(settings);
    this.#shares = this.#guaranteed;
  }

  /** To be called whenever a job has started or ended in a lane, or a fetch has an answer. */
  readonly changed = (): void => {
    if (this.#stopped) return;
    for (const { queue, hungry } of this.#slots.lanes) if (!hungry) this.#empty.add(queue);
    this.#aiming ??= setTimeout(() => this.#aim(), AIM_MS).unref();
    // What a lane holds is settled when this turn of the event loop is over.
    if (this.#owes) this.#giving ??= setImmediate(() => this.#give());
  };

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#aiming);
    clearImmediate(this.#giving);
  }

  #aim(): void {
    this.#aiming = undefined;
    const { lanes } = this.#slots;
    const demands = lanes.map(({ queue, hungry, held }) => {
      const isEmpty = !hungry || this.#empty.has(queue);
      const waits = held < (this.#guaranteed.get(queue) ?? 1) ? 1 : 0;
      return { weight: this.#settings.weights.get(queue) ?? 1, wants: isEmpty ? held + waits : Infinity };
    });
    // A lane that is full says nothing more until one of its jobs ends.
    const isUnsure = lanes.some(({ queue, hungry }) => hungry && this.#empty.has(queue));
    this.#empty.clear();
    const shares = fairShares(this.#settings.slots, demands);
    this.#shares = new Map(lanes.map(({ queue }, i) => [queue, shares[i] ?? 1]));
    this.#give();
    if (isUnsure) this.changed();
  }

  #give(): void {
    this.#giving = undefined;
    const { lanes } = this.#slots;
    let free = this.#settings.slots;
    for (const lane of lanes) {
      const share = this.#shares.get(lane.queue) ?? 1;
      if (share < lane.slots) this.#slots.move(lane.queue, share);
      free -= Math.max(lane.slots, lane.held);
    }
    const short = lanes.filter((lane) => lane.slots < (this.#shares.get(lane.queue) ?? 1));
    // Who has the smallest part of its share comes first.
    const part = (lane: Lane): number => lane.slots / (this.#shares.get(lane.queue) ?? 1);
    for (const lane of short.toSorted((a, b) => part(a) - part(b))) {
      const taken = Math.max(lane.slots, lane.held);
      const slots = Math.min(this.#shares.get(lane.queue) ?? 1, taken + free);
      free -= Math.max(0, slots - taken);
      if (slots > lane.slots) this.#slots.move(lane.queue, slots);
    }
    this.#owes = lanes.some((lane) => lane.slots < (this.#shares.get(lane.queue) ?? 1));
  }
}
