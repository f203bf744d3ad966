import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Lane } from '../engine/engine.ts';
import { guaranteedSlots, Pool } from './pool.ts';
import { Slots } from './slots.ts';

/** Long enough for the pool to look at its lanes twice. */
const look = (): void => void vi.advanceTimersByTime(25);

beforeEach(() => void vi.useFakeTimers());

/** A lane as the pool sees one: it takes what waits whenever it has a free slot. Nothing of it is under test. */
class Model {
  running = 0;
  waiting = 0;
  hungry = false;
  readonly queue: string;
  slots: number;
  changed: () => void = () => undefined;

  constructor(queue: string, slots: number) {
    this.queue = queue;
    this.slots = slots;
  }

  get held(): number {
    return this.running;
  }

  resize(slots: number): void {
    this.slots = slots;
    this.take();
  }

  arrive(count: number): void {
    this.waiting += count;
    this.take();
  }

  end(count: number): void {
    this.running -= Math.min(count, this.running);
    this.take();
    this.changed();
  }

  private take(): void {
    const taken = Math.max(0, Math.min(this.waiting, this.slots - this.running));
    this.waiting -= taken;
    this.running += taken;
    // With a slot left it has looked once more, and found nothing.
    if (this.running < this.slots) this.hungry = false;
    else if (taken > 0) this.hungry = true;
    if (taken > 0) this.changed();
  }
}

function open(slots: number, weights: readonly number[]): { readonly models: readonly Model[]; readonly guaranteed: readonly number[] } {
  const settings = { slots, weights: new Map(weights.map((weight, i) => [`queue-${i}`, weight])) };
  const guaranteed = guaranteedSlots(settings);
  const own = new Slots(guaranteed);
  const pool = new Pool(settings, own);
  own.open(Infinity, (queue, first) => new Model(queue, first) as unknown as Lane);
  const models = own.lanes as unknown as readonly Model[];
  for (const model of models) model.changed = pool.changed;
  return { models, guaranteed: [...guaranteed.values()] };
}

const running = (models: readonly Model[]): readonly number[] => models.map((model) => model.running);
const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);

const step = fc.record({
  lane: fc.nat(),
  kind: fc.constantFrom('arrive', 'end'),
  count: fc.integer({ min: 1, max: 20 }),
  turns: fc.boolean(),
});

describe('a pool of slots', () => {
  it('never runs more jobs than it has slots, and each queue can always run one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 20 }),
        fc.array(step, { maxLength: 60 }),
        (weights, more, steps) => {
          const slots = weights.length + more;
          const { models } = open(slots, weights);
          for (const { lane, kind, count, turns } of steps) {
            const model = models[lane % models.length]!;
            if (kind === 'arrive') model.arrive(count);
            else model.end(count);
            expect(sum(running(models))).toBeLessThanOrEqual(slots);
            if (turns) look();
            expect(sum(running(models))).toBeLessThanOrEqual(slots);
            for (const each of models) expect(each.slots).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives each queue with a backlog its share when every job that ran has ended once, wherever the slots were', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 20 }),
        fc.array(step, { maxLength: 30 }),
        (weights, more, steps) => {
          const { models, guaranteed } = open(weights.length + more, weights);
          for (const { lane, kind, count } of steps) {
            if (kind === 'arrive') models[lane % models.length]!.arrive(count);
            else models[lane % models.length]!.end(count);
            look();
          }
          for (const model of models) model.arrive(1000);
          look();
          // One by one, each job that runs now.
          for (const [i, before] of running(models).entries()) {
            for (let n = 0; n < before; n++) {
              models[i]!.end(1);
              look();
            }
          }
          look();
          expect(running(models)).toEqual(guaranteed);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('lends what a queue does not use, except one slot, and takes it back', () => {
    const { models } = open(16, [8, 4, 2, 1]);
    const [critical, , , bulk] = models as [Model, Model, Model, Model];
    bulk.arrive(100);
    look();
    look();
    expect(bulk.running).toBe(13);
    critical.arrive(100);
    expect(critical.running).toBe(1);
    look();
    bulk.end(5);
    look();
    expect([critical.running, bulk.running]).toEqual([6, 8]);
    bulk.end(8);
    look();
    expect([critical.running, bulk.running]).toEqual([13, 1]);
  });
});
