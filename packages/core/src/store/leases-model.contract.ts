import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { StoreServer } from '../engine/engine.ts';
import type { TestEngine } from '../testing/engines.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine } from '../testing/with-engine.ts';
import type { Lease, LeaseStore } from './leases.ts';
import { createStores } from './stores.ts';

const LONG_MS = 60_000;
const OWNERS = ['a', 'b', 'c', 'd'] as const;

type Act = 'acquire' | 'wait' | 'renew' | 'release' | 'expire' | 'die' | 'leave';
interface Step {
  readonly act: Act;
  readonly owner: string;
}

const steps = fc.array(
  fc.record({
    act: fc.constantFrom<Act>('acquire', 'acquire', 'wait', 'wait', 'renew', 'release', 'release', 'expire', 'die', 'leave'),
    owner: fc.constantFrom(...OWNERS),
  }),
  { minLength: 8, maxLength: 30 },
);

/** What any order of steps of several owners must come to, beside what the store says. */
class Model {
  /** Who has a place; undefined: its lease has ended, and nobody has looked. */
  readonly holders = new Map<string, 'held' | 'ended'>();
  readonly line: string[] = [];
  readonly slots: number;

  constructor(slots: number) {
    this.slots = slots;
  }

  fill(): void {
    for (const [owner, how] of this.holders) if (how === 'ended') this.holders.delete(owner);
    while (this.holders.size < this.slots && this.line.length > 0) this.holders.set(this.line.shift() as string, 'held');
  }

  stepOut(owner: string): void {
    const at = this.line.indexOf(owner);
    if (at >= 0) this.line.splice(at, 1);
  }
}

export function leasesModelContract(test: TestEngine): void {
  const { storeServer } = suiteEngine(test);
  const { leases } = createStores(storeServer);
  const numRuns = test.kind === 'embedded' ? 5 : 40;

  describe('leases, whatever their owners do in whatever order', () => {
    it('have so many holders and no more, serve the line in its order, and never give a smaller fence', { timeout: 30_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(steps, fc.integer({ min: 1, max: 2 }), async (history, slots) => {
          await new Trial({ leases, server: storeServer, key: uniqueName('key'), slots }).play(history);
        }),
        { numRuns },
      );
    });
  });
}

interface Stage {
  readonly leases: LeaseStore;
  readonly server: StoreServer;
  readonly key: string;
  readonly slots: number;
}

class Trial {
  readonly #stage: Stage;
  readonly #model: Model;
  /** What each owner thinks that it has. */
  readonly #known = new Map<string, Lease>();
  /** Whose lease is the one that it knows of: a place that was handed over has a fence that its owner does not know yet. */
  readonly #current = new Map<string, number>();
  #lastFence = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#model = new Model(stage.slots);
  }

  async play(history: readonly Step[]): Promise<void> {
    for (const { act, owner } of history) await this.#do(act, owner);
  }

  async #do(act: Act, owner: string): Promise<void> {
    const { leases, key, slots, server } = this.#stage;
    const lease = this.#known.get(owner);
    const valid = lease !== undefined && this.#model.holders.get(owner) === 'held' && this.#current.get(owner) === lease.fence;
    switch (act) {
      case 'acquire':
      case 'wait':
        return this.#acquire(owner, act === 'wait');
      case 'renew':
        if (lease !== undefined) assert.equal(await leases.renew(lease, LONG_MS), valid);
        return;
      case 'release':
        if (lease === undefined) return;
        assert.equal(await leases.release(lease), valid);
        // One that has ended is still its owner's to remove, if nobody has.
        if (valid || (this.#model.holders.get(owner) === 'ended' && this.#current.get(owner) === lease.fence)) {
          this.#model.holders.delete(owner);
          this.#filled();
        }
        return;
      case 'expire':
        if (this.#model.holders.get(owner) === 'held') this.#model.holders.set(owner, 'ended');
        return end(server, key, owner);
      case 'die':
        this.#known.delete(owner);
        return;
      case 'leave':
        await leases.leave({ key, owner, slots });
        this.#model.holders.delete(owner);
        this.#model.stepOut(owner);
        this.#filled();
    }
  }

  async #acquire(owner: string, waits: boolean): Promise<void> {
    const { leases, key, slots } = this.#stage;
    const answer = await leases.acquire({ key, owner, slots, ttlMs: LONG_MS, ...(waits ? { wait: {} } : {}) });
    this.#filled();
    const { holders, line } = this.#model;
    const granted = holders.has(owner) || holders.size < slots;
    assert.equal(answer.kind, granted ? 'held' : 'taken');
    if (answer.kind === 'taken') {
      assert.equal(answer.waiting, waits);
      if (!waits) this.#model.stepOut(owner);
      else if (!line.includes(owner)) line.push(owner);
      return;
    }
    this.#model.stepOut(owner);
    holders.set(owner, 'held');
    assert.ok(answer.fence > this.#lastFence);
    this.#lastFence = answer.fence;
    this.#current.set(owner, answer.fence);
    this.#known.set(owner, { key, owner, slots, fence: answer.fence });
  }

  #filled(): void {
    const before = new Set(this.#model.holders.keys());
    this.#model.fill();
    for (const owner of this.#model.holders.keys()) if (!before.has(owner)) this.#current.delete(owner);
  }
}

/** As when its time has passed. */
async function end(server: StoreServer, key: string, owner: string): Promise<void> {
  if (server.kind === 'redis') await server.run(`return redis.call('ZADD', KEYS[1] .. 'l:' .. ARGV[1], 'XX', 1, ARGV[2])`, [key, owner]);
  else await server.query('UPDATE oxbow_lease SET ends_at_ms = 1 WHERE key = $1 AND owner = $2', [key, owner]);
}
