import { describe, expect, it } from 'vitest';
import type { StoreServer } from '../engine/engine.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine } from '../testing/with-engine.ts';
import { createStores } from './stores.ts';

const LONG_MS = 60_000;

export function workersContract(test: TestEngine): void {
  const { storeServer } = suiteEngine(test);
  const { workers } = createStores(storeServer);
  const idsFrom = async (after: string, limit = 100): Promise<string[]> => (await workers.page(after, limit)).map(({ id }) => id);

  describe('the registry of workers', () => {
    it('has who has beaten, with what it said last, and its age', async () => {
      const prefix = uniqueName('a');
      await workers.beat({ id: `${prefix}:1`, text: 'first:{"ü": 1}', leaseMs: LONG_MS });
      await workers.beat({ id: `${prefix}:1`, text: 'second:{"ü": 2}\n', leaseMs: LONG_MS });
      const [found] = await workers.page(`${prefix}:`, 1);
      expect(found).toMatchObject({ id: `${prefix}:1`, text: 'second:{"ü": 2}\n' });
      expect(found?.ageMs).toBeGreaterThanOrEqual(0);
      expect(found?.ageMs).toBeLessThan(LONG_MS / 2);
      await workers.leave(`${prefix}:1`);
      expect(await idsFrom(`${prefix}:`)).not.toContain(`${prefix}:1`);
    });

    it('gives pages in the order of ids', async () => {
      const prefix = uniqueName('b');
      const ids = Array.from({ length: 7 }, (_, i) => `${prefix}:${i}`);
      await Promise.all(ids.toReversed().map((id) => workers.beat({ id, text: '', leaseMs: LONG_MS })));
      expect(await idsFrom(`${prefix}:`, 3)).toEqual(ids.slice(0, 3));
      expect(await idsFrom(`${prefix}:2`, 3)).toEqual(ids.slice(3, 6));
      expect(await idsFrom(`${prefix}:5`, 3)).toEqual(ids.slice(6));
      await Promise.all(ids.map((id) => workers.leave(id)));
    });

    it('has nobody whose lease is over, though a thousand of them lie there, and removes them by and by', async () => {
      const prefix = uniqueName('c');
      await leaveDead(storeServer, prefix);
      expect(await idsFrom(`${prefix}:`)).toEqual([]);
      expect(await countDead(storeServer, prefix)).toBe(1000);
      const living = { id: `${prefix}:living`, text: 'x', leaseMs: LONG_MS };
      for (let beats = 0; beats < 10; beats++) await workers.beat(living);
      expect(await idsFrom(`${prefix}:`)).toEqual([living.id]);
      expect(await countDead(storeServer, prefix)).toBe(0);
    });

    it('loses who does not beat within the lease', async () => {
      const id = `${uniqueName('d')}:1`;
      const begun = performance.now();
      await workers.beat({ id, text: '', leaseMs: 100 });
      await until('it is gone', async () => !(await idsFrom('d')).includes(id));
      expect(performance.now() - begun).toBeGreaterThan(95);
    });
  });
}

/** A thousand workers that have died. */
async function leaveDead(server: StoreServer, prefix: string): Promise<void> {
  if (server.kind === 'redis') {
    const lua = `for i = 1, 1000 do
  redis.call('ZADD', KEYS[1] .. 'w:ends', 1, ARGV[1] .. ':dead-' .. i)
  redis.call('HSET', KEYS[1] .. 'w:e', ARGV[1] .. ':dead-' .. i, '1:' .. string.rep('x', 2000))
end`;
    await server.run(lua, [prefix]);
  } else
    await server.query("INSERT INTO oxbow_worker SELECT $1 || ':dead-' || i, repeat('x', 2000), 1, 1 FROM generate_series(1, 1000) AS i", [
      prefix,
    ]);
}

async function countDead(server: StoreServer, prefix: string): Promise<number> {
  if (server.kind === 'redis') {
    const lua = `local n = 0
for _, id in ipairs(redis.call('HKEYS', KEYS[1] .. 'w:e')) do
  if string.find(id, ARGV[1] .. ':dead-', 1, true) and redis.call('ZSCORE', KEYS[1] .. 'w:ends', id) then n = n + 1 end
end
return n`;
    return (await server.run(lua, [prefix])) as number;
  }
  const [row] = await server.query<{ readonly n: number }>("SELECT count(*)::int AS n FROM oxbow_worker WHERE id LIKE $1 || ':dead-%'", [
    prefix,
  ]);
  return row?.n ?? 0;
}
