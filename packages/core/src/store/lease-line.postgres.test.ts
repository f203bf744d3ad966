import { expect, it } from 'vitest';
import type { SqlStoreServer } from '../engine/engine.ts';
import { onPostgres } from '../testing/engines.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine } from '../testing/with-engine.ts';
import { leaseLineContract } from './lease-line.contract.ts';
import { createStores } from './stores.ts';

onPostgres(leaseLineContract);

onPostgres((test) => {
  const engine = suiteEngine(test);

  it('who comes gets no place of a line on postgres whose lease another session sweeps at that moment', async () => {
    const { leases } = createStores(engine.storeServer);
    const [key, queue] = [uniqueName('key'), uniqueName('queue')];
    const ask = (owner: string, rest: object = {}) => leases.acquire({ key, owner, ttlMs: 60_000, slots: 1, ...rest });
    await ask('dead');
    await engine.add(queue, { id: 'first', name: 'job', data: '{}', timestamp: Date.now(), delayMs: 60_000 });
    await ask(`first@${queue}`, { wait: { job: { id: 'first', queue } } });
    // After the look at the line, and before that at free places.
    await (engine.storeServer as SqlStoreServer).query(
      `CREATE OR REPLACE FUNCTION oxbow_sweep_leases() RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
         DELETE FROM oxbow_lease WHERE key = '${key}' AND owner = 'dead' $$`,
      [],
    );
    expect((await ask('newcomer')).kind).toBe('taken');
    expect((await engine.find(queue, 'first'))?.state).toBe('waiting');
  });
});
