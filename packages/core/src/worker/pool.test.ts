import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lane } from '../engine/engine.ts';
import { guaranteedSlots, Pool } from './pool.ts';
import { Slots } from './slots.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A lane as the pool sees one: it takes what waits whenever it has a free slot. Nothing of it is under test. */
class Model {
  running = 0;
  waiting = 0;
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

  get saturated(): boolean {
    return this.running >= this.slots;
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
  it('never runs more jobs than it has slots, and each queue can always run one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 20 }),
        fc.array(step, { maxLength: 60 }),
        async (weights, more, steps) => {
          const slots = weights.length + more;
          const { models } = open(slots, weights);
          for (const { lane, kind, count, turns } of steps) {
            const model = models[lane % models.length]!;
            if (kind === 'arrive') model.arrive(count);
            else model.end(count);
            expect(sum(running(models))).toBeLessThanOrEqual(slots);
            if (turns) await turn();
            expect(sum(running(models))).toBeLessThanOrEqual(slots);
            for (const each of models) expect(each.slots).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives each queue with a backlog its share when every job that ran has ended once, wherever the slots were', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 20 }),
        fc.array(step, { maxLength: 30 }),
        async (weights, more, steps) => {
          const { models, guaranteed } = open(weights.length + more, weights);
          for (const { lane, kind, count } of steps) {
            if (kind === 'arrive') models[lane % models.length]!.arrive(count);
            else models[lane % models.length]!.end(count);
            await turn();
          }
          for (const model of models) model.arrive(1000);
          await turn();
          // One by one, each job that runs now.
          for (const [i, before] of running(models).entries()) {
            for (let n = 0; n < before; n++) {
              models[i]!.end(1);
              await turn();
            }
          }
          await turn();
          expect(running(models)).toEqual(guaranteed);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('lends what a queue does not use, except one slot, and takes it back', async () => {
    const { models } = open(16, [8, 4, 2, 1]);
    const [critical, , , bulk] = models as [Model, Model, Model, Model];
    bulk.arrive(100);
    await turn();
    await turn();
    expect(bulk.running).toBe(13);
    critical.arrive(100);
    expect(critical.running).toBe(1);
    await turn();
    bulk.end(5);
    await turn();
    expect([critical.running, bulk.running]).toEqual([6, 8]);
    bulk.end(8);
    await turn();
    expect([critical.running, bulk.running]).toEqual([13, 1]);
  });
});
