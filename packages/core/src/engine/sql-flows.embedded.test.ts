import { afterAll } from 'vitest';
import { onEmbedded } from '../testing/engines.ts';
import { createEmbeddedDriver } from './embedded.ts';
import { flowsContract } from './sql-flows.contract.ts';

onEmbedded(() => {
  const driver = createEmbeddedDriver({ app: 'flows' });
  afterAll(() => driver.close());
  flowsContract(() => ({ options: driver.queueOptions(), backend: driver.backend }));
});
