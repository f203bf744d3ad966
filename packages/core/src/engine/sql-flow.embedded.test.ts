import { afterAll } from 'vitest';
import { onEmbedded } from '../testing/engines.ts';
import { createEmbeddedDriver } from './embedded.ts';
import { sqlFlowContract } from './sql-flow.contract.ts';

onEmbedded(() => {
  const driver = createEmbeddedDriver({ app: 'flows' });
  afterAll(() => driver.close());
  sqlFlowContract(driver);
});
