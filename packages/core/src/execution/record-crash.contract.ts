import { describe, expect, it } from 'vitest';
import { RECORD_CRASHPOINTS, type Crashpoint } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';

/** Where a worker dies whose job has not begun, or has its result, or its step, on record. A producer that dies takes along what runs in its process. */
const AFTER_RECORD: ReadonlySet<Crashpoint> = new Set([
  'claimed-before-handler',
  'result-recorded-before-complete',
  'failure-recorded-before-release',
  'released-before-fail',
  'step-recorded-before-next',
]);
const AT_ONCE = 5;

/** Producers and workers of the same keys that die at every named point, and one that goes on after them. */
export function recordCrashContract(engine: TestEngine, points: readonly Crashpoint[] = RECORD_CRASHPOINTS): void {
  describe('processes that die', { timeout: 240_000 }, () => {
    it(`at ${points.join(', ')} leave one result for each key, and one value for each step`, async () => {
      const config = await fixtureConfig(engine, 'records');
      for (let from = 0; from < points.length; from += AT_ONCE) {
        const dying = points.slice(from, from + AT_ONCE).map((point) => {
          const child = new FixtureProcess({ ...config, queue: point }, { fixture: 'records', env: { OXBOW_CRASHPOINT: point } });
          return child.exited.then((exit) => expect({ point, ...exit, output: child.output }).toMatchObject({ point, signal: 'SIGKILL' }));
        });
        await Promise.all(dying);
      }
      const last = new FixtureProcess({ ...config, queue: 'last', others: points }, { fixture: 'records' });
      await last.told('settled', undefined, 60_000);
      expect(entries(config.ledger, 'settled').filter((line) => !line.endsWith(' true'))).toEqual([]);
      const results = valuesOf(config.ledger, 'result');
      expect(results.size).toBe((points.length + 1) * 6 + 3);
      expect(several(results)).toEqual([]);
      expect(several(valuesOf(config.ledger, 'saw'))).toEqual([]);
      // What is on record does not run again.
      const ran = [...valuesOf(config.ledger, 'ran'), ...valuesOf(config.ledger, 'step')];
      const isOnRecord = ([key]: readonly [string, unknown]) =>
        AFTER_RECORD.has(key.split('/')[0] as Crashpoint) || key.startsWith('last/');
      expect(several(ran.filter(isOnRecord))).toEqual([]);
      // One job at a time was running.
      const others = ran.filter((one) => !isOnRecord(one) && !one[0].startsWith('shared/'));
      for (const [key, values] of others) expect([key, values.size <= 2]).toEqual([key, true]);
    });
  });
}

/** Lines of a word by their key. */
function valuesOf(ledger: string, word: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of entries(ledger, word)) {
    const [key = '', value = ''] = line.split(' ');
    found.set(key, (found.get(key) ?? new Set()).add(value));
  }
  return found;
}

function several(values: Iterable<readonly [string, ReadonlySet<string>]>): readonly string[] {
  return [...values].filter(([, { size }]) => size !== 1).map(([key]) => key);
}
