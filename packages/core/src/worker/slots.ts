import type { Lane } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';

const MAX_SLOTS = 1000;

/** How many jobs of each queue run in a worker at a time, spread over the queue's lanes. */
export class Slots {
  readonly #slots: Map<string, number>;
  readonly #lanes = new Map<string, readonly Lane[]>();

  constructor(queues: ReadonlyMap<string, number>) {
    this.#slots = new Map(queues);
  }

  get queues(): ReadonlyMap<string, number> {
    return this.#slots;
  }

  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()].flat();
  }

  /** @param laneSize - slots of a queue from which a second lane pays */
  open(laneSize: number, openLane: (queue: string, slots: number) => Lane): void {
    for (const [queue, slots] of this.#slots) {
      const count = Math.max(1, Math.ceil(slots / laneSize));
      this.#lanes.set(
        queue,
        Array.from({ length: count }, (_, i) => openLane(queue, share(slots, count, i))),
      );
    }
  }

  /**
   * The lanes stay those of the start: more slots make them larger, and of fewer slots than lanes some have none.
   * @throws OxbowError `invalid_options`
   */
  resize(queue: string, slots: number): void {
    if (!this.#slots.has(queue))
      throw new OxbowError(
        'invalid_options',
        `worker.resize(): this worker has no queue "${queue}", but ${[...this.#slots.keys()].join(', ')}.`,
      );
    if (!Number.isInteger(slots) || slots < 1 || slots > MAX_SLOTS)
      throw new OxbowError(
        'invalid_options',
        `worker.resize(): slots must be a whole number from 1 to ${MAX_SLOTS}, not ${String(slots)}.`,
      );
    this.move(queue, slots);
  }

  /** As `resize`, of numbers that are right. */
  move(queue: string, slots: number): void {
    this.#slots.set(queue, slots);
    const lanes = this.#lanes.get(queue) ?? [];
    for (const [i, lane] of lanes.entries()) lane.resize(share(slots, lanes.length, i));
  }
}

/** `total` split over `count` as evenly as whole numbers go. */
function share(total: number, count: number, index: number): number {
  return Math.floor(total / count) + (index < total % count ? 1 : 0);
}
