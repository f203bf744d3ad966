import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import type { TestEngine } from '../testing/engines.ts';
import { MemoryResults } from '../testing/memory-results.ts';
import { until } from '../testing/until.ts';
import { suiteEngine } from '../testing/with-engine.ts';
import { silent, stages, uniqueName, withApp } from '../testing/with-app.ts';
import { resultJanitor } from './result-janitor.ts';
import { resultKey } from './result-key.ts';

const HOUR_MS = 3_600_000;
const LARGE = 'x'.repeat(70_000);

export function resultJanitorContract(engine: TestEngine): void {
  const store = new MemoryResults();
  const stage = stages(engine, { results: { store, sweepEvery: '20ms', grace: '1h' } });
  /** As old as they must be to be judged; the leader of the stage’s app does the rest. */
  const sweptUntil = async (what: string, done: () => boolean): Promise<void> => {
    store.ageMs = 2 * HOUR_MS;
    await until(what, () => (done() ? true : undefined));
  };

  describe('the janitor of stored results', () => {
    it('leaves what a job refers to, and deletes it when the job is gone, or had another one', async () => {
      const { app, queue, name, work } = stage();
      const big = app.task(name('big'), { queue, run: () => LARGE });
      await work();
      const [kept, gone] = [await big.enqueue(), await big.enqueue()];
      await Promise.all([kept.result(), gone.result()]);
      const keyOf = (id: string): string => store.keysOf(app.name).find((key) => key.includes(id.split('@')[0] ?? '')) ?? 'none';
      const [keptKey, goneKey] = [keyOf(kept.id), keyOf(gone.id)];
      // Of a start whose worker died before it could tell.
      const orphan = keptKey.replace(/1$/u, '2');
      store.kept.set(orphan, { bytes: Buffer.from('x'), storedAt: new Date() });
      await gone.forget();
      // At once, without the janitor.
      expect(store.kept.has(goneKey)).toBe(false);
      store.kept.set(goneKey, { bytes: Buffer.from('x'), storedAt: new Date() });
      await sweptUntil('both are deleted', () => !store.kept.has(orphan) && !store.kept.has(goneKey));
      expect(await kept.result()).toBe(LARGE);
      store.ageMs = 0;
    });
  });

  decisions(engine);
}

/** Who keeps what, entry by entry. */
function decisions(test: TestEngine): void {
  describe('what the janitor finds', () => {
    const engine = suiteEngine(test);
    const age = (ms: number): Date => new Date(Date.now() - ms);

    async function sweep(app: string, store: MemoryResults, ttlMs?: number): Promise<readonly string[]> {
      const janitor = resultJanitor({ app, engine, store, log: silent, ttlMs, graceMs: HOUR_MS, everyMs: 1 });
      await janitor.run({ fence: 1, signal: new AbortController().signal });
      return [...store.kept.keys()];
    }

    it('is left while it is young, while its job has not ended, while its run is there, while its key is known', async () => {
      await engine.open();
      const app = uniqueName();
      const queue = uniqueName('queue');
      await engine.add(queue, { id: 'waits', name: 't', data: '{}', timestamp: Date.now() });
      const job = (id: string): { readonly queue: string; readonly id: string } => ({ queue, id });
      const keyOf = (id: string, root?: string, neededUntil = 0): string =>
        resultKey(app, { job: job(id), root: root === undefined ? undefined : job(root), neededUntil }, 1);
      const store = new MemoryResults();
      const put = (key: string, storedAt: Date): void => void store.kept.set(key, { bytes: Buffer.from('x'), storedAt });
      const left = [keyOf('waits'), keyOf('gone-1', 'waits'), keyOf('claimed', undefined, Date.now() + HOUR_MS), `${app}/not/ours`];
      for (const key of left) put(key, age(2 * HOUR_MS));
      put(keyOf('young'), age(HOUR_MS / 2));
      for (const key of [keyOf('gone'), keyOf('gone-2', 'gone'), keyOf('claimed', undefined, Date.now() - 1)]) put(key, age(2 * HOUR_MS));
      put(`${uniqueName()}/${queue}/gone/1`, age(2 * HOUR_MS));
      const others = [...store.kept.keys()].at(-1);
      expect(await sweep(app, store)).toEqual([...left, keyOf('young'), others]);
      expect(await sweep(app, store, HOUR_MS)).toEqual([keyOf('young'), others]);
    });
  });

  describe('a result of a run', () => {
    it('is left when retention has removed its job, until the run is gone', async () => {
      const store = new MemoryResults();
      const app = withApp(test, { results: { store, sweepEvery: '20ms' } });
      let go: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (go = resolve));
      const big = app.task('big', { queue: 'q', run: () => LARGE });
      const waits = app.task('waits', { queue: 'q', run: async (text: string) => gate.then(() => text.length) });
      await app.worker({ queues: { q: 1 } }).start();
      const run = await chain(big.s(), waits.s()).enqueue();
      await until('the second runs', async () =>
        (await run.status()).counts.started === 1 && store.keysOf(app.name).length === 1 ? true : undefined,
      );
      const [first] = store.keysOf(app.name);
      await (await app.queue('q').getJob(first?.split('/')[2] ?? ''))?.remove().catch(() => undefined);
      store.ageMs = 2 * HOUR_MS;
      const other = `${app.name}/q/gone/1`;
      store.kept.set(other, { bytes: Buffer.from('x'), storedAt: new Date() });
      await until('it has been swept', () => (store.kept.has(other) ? undefined : true));
      expect(store.keysOf(app.name)).toEqual([first]);
      go();
      expect(await run.result()).toBe(70_000);
      await run.forget();
      await until('nothing is left', () => (store.keysOf(app.name).length === 0 ? true : undefined));
    });
  });
}
