import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine } from '../testing/with-engine.ts';
import type { RecordClaim, RecordStore, StandingRecord } from './records.ts';
import { stepsContract } from './steps.contract.ts';
import { createStores } from './stores.ts';

const LONG_MS = 60_000;
const OWNERS = 20;

export function recordsContract(test: TestEngine): void {
  const { records, steps } = createStores(suiteEngine(test).storeServer);

  stepsContract(steps);

  const claimFor = (key: string, owner: string, rest: Partial<RecordClaim> = {}): RecordClaim => ({
    key,
    owner,
    fingerprint: 'input',
    ttlMs: LONG_MS,
    keepsFailures: false,
    ...rest,
  });
  const endOf = (key: string, owner: string, value: string, ttlMs = LONG_MS) => ({ key, owner, fingerprint: 'input', ttlMs, value });
  const standing = (record: Partial<StandingRecord>) => ({ kind: 'taken', record: expect.objectContaining(record) as StandingRecord });

  describe('a record', () => {
    it('is claimed by one owner, who may claim it again', async () => {
      const key = uniqueName('key');
      expect(await records.claim(claimFor(key, 'one'))).toEqual({ kind: 'held' });
      expect(await records.claim(claimFor(key, 'two'))).toEqual(
        standing({ status: 'running', owner: 'one', sameInput: true, value: '', heldForMs: expect.any(Number) as number }),
      );
      expect(await records.claim(claimFor(key, 'two', { fingerprint: 'other' }))).toEqual(standing({ sameInput: false }));
      expect(await records.claim(claimFor(key, 'one'))).toEqual({ kind: 'held' });
      expect(await records.claim(claimFor(uniqueName('key'), 'two'))).toEqual({ kind: 'held' });
    });

    it('has the first result of its owner, which the owner too finds', async () => {
      const key = uniqueName('key');
      await records.claim(claimFor(key, 'one'));
      expect(await records.succeed(endOf(key, 'two', '"two"'))).toBeUndefined();
      expect(await records.succeed(endOf(key, 'one', '"é\\u0000"'))).toBe('"é\\u0000"');
      expect(await records.succeed(endOf(key, 'one', '"later"'))).toBe('"é\\u0000"');
      expect(await records.succeed(endOf(key, 'two', '"two"'))).toBe('"é\\u0000"');
      expect(await records.succeed({ ...endOf(key, 'two', '"two"'), fingerprint: 'other' })).toBeUndefined();
      await records.fail(endOf(key, 'one', 'too late'));
      await records.release(key, 'one');
      for (const owner of ['one', 'two'])
        expect(await records.claim(claimFor(key, owner))).toEqual(standing({ status: 'succeeded', owner: 'one', value: '"é\\u0000"' }));
    });

    it('is free when its owner has released it, and for nobody else', async () => {
      const key = uniqueName('key');
      await records.claim(claimFor(key, 'one'));
      await records.release(key, 'two');
      expect((await records.claim(claimFor(key, 'two'))).kind).toBe('taken');
      await records.release(key, 'one');
      expect(await records.claim(claimFor(key, 'two', { fingerprint: 'other' }))).toEqual({ kind: 'held' });
    });

    it('keeps a failure for those who keep failures, and not for its owner', async () => {
      const key = uniqueName('key');
      await records.claim(claimFor(key, 'one'));
      await records.fail(endOf(key, 'two', 'not mine'));
      await records.fail(endOf(key, 'one', '{"message":"no"}'));
      expect(await records.claim(claimFor(key, 'two', { keepsFailures: true }))).toEqual(
        standing({ status: 'failed', owner: 'one', value: '{"message":"no"}' }),
      );
      expect(await records.claim(claimFor(key, 'one', { keepsFailures: true }))).toEqual({ kind: 'held' });
      await records.fail(endOf(key, 'one', '{}'));
      expect(await records.claim(claimFor(key, 'two'))).toEqual({ kind: 'held' });
    });

    it('is taken over from the owner that is named, while that one has no result', async () => {
      const key = uniqueName('key');
      await records.claim(claimFor(key, 'one'));
      expect((await records.claim(claimFor(key, 'two', { over: 'three' }))).kind).toBe('taken');
      expect(await records.claim(claimFor(key, 'two', { over: 'one', fingerprint: 'other' }))).toEqual({ kind: 'held' });
      expect(await records.succeed(endOf(key, 'one', '1'))).toBeUndefined();
      expect(await records.succeed({ ...endOf(key, 'two', '2'), fingerprint: 'other' })).toBe('2');
      expect((await records.claim(claimFor(key, 'four', { over: 'two', fingerprint: 'other' }))).kind).toBe('taken');
    });

    it('ends, and a result that comes later is recorded unless another has the key', async () => {
      const key = uniqueName('key');
      await records.claim(claimFor(key, 'one', { ttlMs: 20 }));
      await until('it has ended', async () => (await records.claim(claimFor(key, 'two', { ttlMs: 20 }))).kind === 'held');
      await records.succeed(endOf(key, 'two', '2', 20));
      await until('its result has ended', async () => (await records.succeed(endOf(key, 'one', '1'))) === '1');
      expect(await records.claim(claimFor(key, 'two'))).toEqual(standing({ status: 'succeeded', value: '1' }));
    });

    it(`has one result when ${OWNERS} owners claim, fail and die at once`, async () => {
      const key = uniqueName('key');
      const seen = new Set<string>();
      const strive = async (owner: string, at: number): Promise<void> => {
        for (let over: string | undefined, turn = 0; seen.size === 0; turn++) {
          const claimed = await records.claim(claimFor(key, owner, { over }));
          over = undefined;
          if (claimed.kind === 'taken') {
            if (claimed.record.status === 'succeeded') seen.add(claimed.record.value);
            // Every third owner dies at its first claim; whoever meets it may know.
            if (/[036]$/u.test(claimed.record.owner)) over = claimed.record.owner;
            continue;
          }
          if (at % 3 === 0 && turn === 0) return;
          if (turn < 2) await records.release(key, owner);
          else seen.add((await records.succeed(endOf(key, owner, `"${owner}"`))) ?? 'not mine');
        }
      };
      await Promise.all(Array.from({ length: OWNERS }, (_, at) => strive(`owner${at % 10}`, at)));
      seen.delete('not mine');
      expect(seen.size).toBe(1);
      expect(await records.claim(claimFor(key, 'late'))).toEqual(standing({ status: 'succeeded', value: [...seen][0] ?? '' }));
    });

    it('does what its model does, whatever is called in whatever order', { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 25 }), async (calls) => {
          const key = uniqueName('key');
          const model = new Model();
          for (const one of calls) expect(await one.real(records, key)).toEqual(one.meant(model));
        }),
        { numRuns: test.kind === 'redis' ? 60 : 25 },
      );
    });
  });
}

/** What a record should be, in as few words as it can be said. */
class Model {
  record: { owner: string; fingerprint: string; status: StandingRecord['status']; value: string } | undefined;

  claim({ owner, fingerprint, keepsFailures, over }: Omit<RecordClaim, 'key' | 'ttlMs'>): unknown {
    const old = this.record;
    const isFree =
      old === undefined ||
      (old.owner === owner && old.status !== 'succeeded') ||
      (old.status === 'failed' && !keepsFailures) ||
      (old.status === 'running' && old.owner === over);
    if (!isFree) return { status: old.status, owner: old.owner, sameInput: old.fingerprint === fingerprint, value: old.value };
    this.record = { owner, fingerprint, status: 'running', value: '' };
    return 'held';
  }

  succeed(owner: string, fingerprint: string, value: string): string | undefined {
    const old = this.record;
    if (old === undefined || (old.owner === owner && old.status !== 'succeeded')) {
      this.record = { owner, fingerprint: old?.fingerprint ?? fingerprint, status: 'succeeded', value };
      return value;
    }
    return old.status === 'succeeded' && (old.owner === owner || old.fingerprint === fingerprint) ? old.value : undefined;
  }

  end(owner: string, failure: string | undefined): undefined {
    if (this.record?.owner !== owner || this.record.status !== 'running') return undefined;
    this.record = failure === undefined ? undefined : { ...this.record, status: 'failed', value: failure };
    return undefined;
  }
}

interface Call {
  readonly real: (records: RecordStore, key: string) => Promise<unknown>;
  readonly meant: (model: Model) => unknown;
}

const owner = fc.constantFrom('a', 'b', 'c');
const fingerprint = fc.constantFrom('x', 'x', 'y');
const value = fc.constantFrom('1', '2', '3');

const claims: fc.Arbitrary<Call> = fc
  .record({ owner, fingerprint, keepsFailures: fc.boolean(), over: fc.option(owner, { nil: undefined }) })
  .map((given) => ({
    real: async (records, key) => {
      const claimed = await records.claim({ key, ttlMs: LONG_MS, ...given });
      if (claimed.kind === 'held') return 'held';
      const { heldForMs: _, ...record } = claimed.record;
      return record;
    },
    meant: (model) => model.claim(given),
  }));
const successes: fc.Arbitrary<Call> = fc.record({ owner, fingerprint, value }).map((given) => ({
  real: (records, key) => records.succeed({ key, ttlMs: LONG_MS, ...given }),
  meant: (model) => model.succeed(given.owner, given.fingerprint, given.value),
}));
const failures: fc.Arbitrary<Call> = fc.record({ owner, fingerprint, value }).map((given) => ({
  real: (records, key) => records.fail({ key, ttlMs: LONG_MS, ...given }),
  meant: (model) => model.end(given.owner, given.value),
}));
const releases: fc.Arbitrary<Call> = owner.map((one) => ({
  real: (records, key) => records.release(key, one),
  meant: (model) => model.end(one, undefined),
}));
/** An owner claims for a millisecond, and the time passes. */
const expiries: fc.Arbitrary<Call> = fc.record({ owner, fingerprint }).map((given) => ({
  real: async (records, key) => {
    const { kind } = await records.claim({ key, ttlMs: 1, keepsFailures: true, ...given });
    if (kind === 'held') await wait(3);
    return kind;
  },
  meant: (model) => {
    if (model.claim({ keepsFailures: true, ...given }) !== 'held') return 'taken';
    model.record = undefined;
    return 'held';
  },
}));

const call = fc.oneof(
  { weight: 5, arbitrary: claims },
  { weight: 3, arbitrary: successes },
  { weight: 2, arbitrary: failures },
  { weight: 2, arbitrary: releases },
  { weight: 1, arbitrary: expiries },
);
