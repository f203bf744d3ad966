import { until } from '@oxbow/faults';
import { expect, it } from 'vitest';
import { StoreWatch } from './store-watch.ts';

/** Probes that end when the test says so. */
function stepwise(cacheMs: number, timeoutMs: number) {
  const open: { readonly resolve: (found: { latencyMs: number }) => void; readonly reject: (error: Error) => void }[] = [];
  let probes = 0;
  const probe = (): Promise<{ latencyMs: number }> =>
    new Promise((resolve, reject) => {
      probes++;
      open.push({ resolve, reject });
    });
  return { watch: new StoreWatch({ probe, cacheMs, timeoutMs }), open, probes: () => probes };
}

it('probes one at a time, however many look, and not while the last answer is fresh', async () => {
  const { watch, open, probes } = stepwise(60_000, 60_000);
  const looks = [watch.look(), watch.look(), watch.look()];
  expect([probes(), watch.state.okAgeMs]).toEqual([1, undefined]);
  open[0]?.resolve({ latencyMs: 1.5 });
  await Promise.all(looks);
  await watch.look();
  expect(probes()).toBe(1);
  expect(watch.state).toMatchObject({ latencyMs: 1.5, error: undefined, late: false });
  expect(watch.state.okForMs).toBeGreaterThanOrEqual(0);
});

it('waits no longer than it was told for one that hangs, starts no other, and takes its late answer for the end of an outage', async () => {
  const { watch, open, probes } = stepwise(1, 30);
  const first = watch.look();
  open[0]?.resolve({ latencyMs: 1 });
  await first;
  await until('what it found is old', () => (watch.state.okAgeMs ?? 0) > 1);
  await watch.look();
  await watch.look();
  expect(probes()).toBe(2);
  expect(watch.state).toMatchObject({ late: true, okForMs: undefined });
  expect(watch.state.okAgeMs).toBeGreaterThan(30);
  const answeredAt = performance.now();
  open[1]?.resolve({ latencyMs: 60 });
  await until('it is known', () => !watch.state.late);
  const { okForMs } = watch.state;
  expect(okForMs).toBeLessThanOrEqual(performance.now() - answeredAt);
});

it('knows since when the store has not answered', async () => {
  const { watch, open } = stepwise(1, 1000);
  const first = watch.look();
  open[0]?.resolve({ latencyMs: 1 });
  await first;
  await until('what it found is old', () => (watch.state.okAgeMs ?? 0) > 1);
  const second = watch.look();
  open[1]?.reject(new Error('gone'));
  await second;
  expect(watch.state).toMatchObject({ okForMs: undefined, error: new Error('gone'), late: false });
  expect(watch.state.okAgeMs).toBeGreaterThan(0);
});
