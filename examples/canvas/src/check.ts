/** Runs the report in one process, once as it should be and once with a region that does not exist, and asserts what comes out. */
import { strict as assert } from 'node:assert';
import { TaskFailedError } from '@oxbow/core';
import { app, salesReport } from './app.ts';

const alerted = new Promise<string>((resolve) => {
  app.on('task:succeeded', ({ task }) => {
    if (task === 'alert') resolve(task);
  });
});
await app.worker({ queues: { default: 10 } }).start();

const run = await salesReport(['north', 'south', 'west']).enqueue({ day: '2026-11-22' });
assert.equal(await run.result({ timeout: '60s' }), 'Sales\nnorth: 200\nsouth: 40\nwest: 0');
assert.equal((await run.status()).counts.succeeded, 5);
assert.deepEqual(await run.member([1, 0]).result(), { region: 'north', orders: 2, amount: 200 });

const failing = await salesReport(['north', 'east']).enqueue({ day: '2026-11-22' });
const error = await failing.result({ timeout: '60s' }).catch((thrown: unknown) => thrown);
assert.ok(error instanceof TaskFailedError);
assert.equal(error.task, 'sales.add-up');
assert.equal((error.cause as Error).message, 'there is no region "east"');
await alerted;

await app.close();
console.log('one page of three regions; one alert for the region that does not exist');
