import { expect, it } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { stages } from '../testing/with-app.ts';
import { byHandContract } from './by-hand.contract.ts';

onRedis((engine) => {
  byHandContract(engine);

  // The server lists its connections by name; the SQL backends know no workers.
  it('BullMQ finds the workers of a queue', async () => {
    const { app, queue, work } = stages(engine)();
    await work();
    expect(await until('it is there', async () => (await app.queue(queue).getWorkersCount()) > 0)).toBe(true);
  });
});
