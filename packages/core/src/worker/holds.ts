import type { Lane } from '../engine/engine.ts';

/** clock: it is too far off the engine's. paused: by whoever runs the worker. */
export type HoldReason = 'clock' | 'paused';

/** Why queues of a worker are not fetched: a lane fetches while its queue is held for no reason. */
export class Holds {
  readonly #lanes: Lane[] = [];
  readonly #reasons: ReadonlyMap<string, Set<HoldReason>>;

  constructor(queues: Iterable<string>) {
    this.#reasons = new Map([...queues].map((queue) => [queue, new Set()]));
  }

  /** A lane that is made; it does not even start to fetch when its queue is held. */
  add(lane: Lane): void {
    this.#lanes.push(lane);
    if (this.#isHeld(lane.queue)) lane.pause();
  }

  /** @param queue - undefined: all of them. */
  hold(reason: HoldReason, queue?: string): void {
    this.#change(queue, (reasons) => reasons.add(reason));
  }

  release(reason: HoldReason, queue?: string): void {
    this.#change(queue, (reasons) => reasons.delete(reason));
  }

  /** The queues that are held for it. */
  heldFor(reason: HoldReason): readonly string[] {
    return [...this.#reasons].filter(([, reasons]) => reasons.has(reason)).map(([queue]) => queue);
  }

  #change(which: string | undefined, change: (reasons: Set<HoldReason>) => unknown): void {
    for (const [queue, reasons] of this.#reasons) {
      if (which !== undefined && which !== queue) continue;
      const before = reasons.size > 0;
      change(reasons);
      const held = reasons.size > 0;
      if (held !== before) this.#apply(queue, held);
    }
  }

  #apply(queue: string, held: boolean): void {
    for (const lane of this.#lanes) {
      if (lane.queue !== queue) continue;
      if (held) lane.pause();
      else lane.resume();
    }
  }

  #isHeld(queue: string): boolean {
    return (this.#reasons.get(queue)?.size ?? 0) > 0;
  }
}
