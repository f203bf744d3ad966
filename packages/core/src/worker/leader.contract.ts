import { describe, expect, it, onTestFinished } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { createStores } from '../store/stores.ts';
import type { TestEngine } from '../testing/engines.ts';
import { fixtureConfig, FixtureProcess, type FixtureConfig } from '../testing/fixture-process.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, silent, uniqueName } from '../testing/with-app.ts';
import { openEngine, suiteEngine } from '../testing/with-engine.ts';
import { Leader, type Chore, type ChoreCall } from './leader.ts';

const LONG_MS = 60_000;
const LEASE_MS = 1000;
/** What a busy machine may add to a time that is measured. */
const SLACK_MS = 1500;

export function leaderContract(test: TestEngine): void {
  const shared = suiteEngine(test);

  /** Of the processes of an app; in an embedded engine there is one. */
  function processes(count: number): readonly Engine[] {
    if (test.kind === 'embedded') return Array.from({ length: count }, () => shared);
    const app = uniqueName();
    const engines = Array.from({ length: count }, () => openEngine(test.url, app));
    onTestFinished(async () => {
      await Promise.all(engines.map((engine) => engine.close()));
      await deleteKeys(test.url, app);
    });
    return engines;
  }

  function leaderOf(engine: Engine, ...chores: readonly Chore[]): Leader {
    const leader = new Leader({ engine, leases: createStores(engine.storeServer).leases, log: silent, chores });
    onTestFinished(() => leader.leave());
    return leader;
  }

  describe('the leader of an app', () => {
    it('is one of its processes, and at once another when that drains', async () => {
      const [one, two] = processes(2).map((engine) => {
        const terms = recorded();
        return { terms, leader: leaderOf(engine, terms.chore) };
      }) as [Led, Led];
      one.leader.enter(LONG_MS);
      await until('the first leads', () => one.terms.calls.length === 1);
      two.leader.enter(LONG_MS);
      await until('the second has asked in vain', () => two.leader.role === 'waiting');
      await one.leader.leave();
      expect(one.terms.calls[0]?.signal.aborted).toBe(true);
      // Long before the lease would have ended.
      await until('the second leads', () => two.terms.calls.length === 1);
      expect(two.terms.calls[0]?.fence).toBeGreaterThan(one.terms.calls[0]?.fence ?? Infinity);
      expect(one.terms.calls).toHaveLength(1);
      await two.leader.leave();
      one.leader.enter(LONG_MS);
      await until('the first leads again', () => one.terms.calls.length === 2);
    });

    it('leads as long as one of its workers is started, and hands over when its chores have ended', async () => {
      const [engine] = processes(1) as [Engine];
      const end = new Gate();
      const calls: ChoreCall[] = [];
      const slow: Chore = {
        name: 'slow',
        everyMs: LONG_MS,
        run: async (call) => {
          calls.push(call);
          await end.pass();
        },
      };
      const leader = leaderOf(engine, slow);
      leader.enter(LONG_MS);
      leader.enter(LONG_MS);
      await until('it leads', () => calls.length === 1);
      await leader.leave();
      expect(calls[0]?.signal.aborted).toBe(false);
      const left = leader.leave();
      const next = recorded();
      const successor = leaderOf(engine, next.chore);
      successor.enter(LONG_MS);
      await until('it is told', () => calls[0]?.signal.aborted);
      await until('the other has asked', () => successor.role === 'waiting');
      expect(next.calls).toEqual([]);
      end.open();
      await left;
      await until('the other leads', () => next.calls.length === 1);
    });

    it('calls each chore again and again, never twice at a time, whatever the last call came to', async () => {
      const [engine] = processes(1) as [Engine];
      const often = recorded(1);
      let running = 0;
      let most = 0;
      let failed = 0;
      const failing: Chore = {
        name: 'failing',
        everyMs: 1,
        run: async () => {
          most = Math.max(most, ++running);
          await Promise.resolve();
          running--;
          failed++;
          throw new Error('as it must');
        },
      };
      leaderOf(engine, often.chore, failing).enter(LONG_MS);
      await until('both have been called again', () => often.calls.length >= 3 && failed >= 3);
      expect(most).toBe(1);
      expect(new Set(often.calls.map(({ fence }) => fence)).size).toBe(1);
    });

    it('that is killed is followed by another within one lease', { timeout: 60_000 }, async () => {
      const config = await fixtureConfig(test, 'leader');
      const { process, fence } = await leading(config);
      const next = waiting(config);
      await next?.asked();
      expect(await process.kill('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });
      const killedAt = performance.now();
      const follower = next ?? follow(config);
      const term = await until('the next one leads', () => follower.terms.calls[0]);
      if (next !== undefined) expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + SLACK_MS);
      expect(term.fence).toBeGreaterThan(fence);
    });

    // In an embedded engine nobody else waits.
    if (test.kind === 'embedded') return;
    it('that dies when the lease is free and nobody knows is followed within one lease', { timeout: 60_000 }, async () => {
      const config = await fixtureConfig(test, 'leader');
      const { process, fence } = await leading(config, { OXBOW_CRASHPOINT: 'leader-released-before-told' });
      const next = waiting(config) as Follower;
      await next.asked();
      process.signal('SIGTERM');
      expect(await process.exited).toMatchObject({ signal: 'SIGKILL' });
      const diedAt = performance.now();
      const term = await until('the next one leads', () => next.terms.calls[0]);
      expect(performance.now() - diedAt).toBeLessThan(LEASE_MS + SLACK_MS);
      expect(term.fence).toBeGreaterThan(fence);
    });

    it('that stood still is told that it leads no more, and the later call has the greater fence', { timeout: 60_000 }, async () => {
      const config = await fixtureConfig(test, 'leader');
      const { process, fence } = await leading(config);
      const next = waiting(config) as Follower;
      process.signal('SIGSTOP');
      const term = await until('the next one leads', () => next.terms.calls[0]);
      expect(term.fence).toBeGreaterThan(fence);
      process.signal('SIGCONT');
      expect(await process.told('leads-no-more')).toMatchObject({ fence, code: 'lease_lost' });
      expect(term.signal.aborted).toBe(false);
    });
  });

  async function leading(config: FixtureConfig, env: NodeJS.ProcessEnv = {}): Promise<{ process: FixtureProcess; fence: number }> {
    const process = new FixtureProcess({ ...config, lockDuration: LEASE_MS }, { fixture: 'leader', env });
    const { fence = Infinity } = await process.told('leads');
    return { process, fence };
  }

  interface Follower {
    readonly terms: ReturnType<typeof recorded>;
    asked(): Promise<unknown>;
  }

  /** Undefined in an embedded engine: the other process has it. */
  function waiting(config: FixtureConfig): Follower | undefined {
    return test.kind === 'embedded' ? undefined : follow(config);
  }

  function follow({ url, app }: FixtureConfig): Follower {
    const engine = openEngine(url, app);
    onTestFinished(() => engine.close());
    const terms = recorded();
    const leader = leaderOf(engine, terms.chore);
    leader.enter(LEASE_MS);
    return { terms, asked: () => until('it waits', () => leader.role === 'waiting') };
  }
}

interface Led {
  readonly leader: Leader;
  readonly terms: ReturnType<typeof recorded>;
}

/** A chore that notes its calls. */
function recorded(everyMs: number = LONG_MS): { readonly calls: ChoreCall[]; readonly chore: Chore } {
  const calls: ChoreCall[] = [];
  return { calls, chore: { name: 'recorded', everyMs, run: (call) => Promise.resolve(void calls.push(call)) } };
}
