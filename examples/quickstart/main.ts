/** One process that enqueues and works; OXBOW_URL chooses another engine. Run: npm start */
import { createApp } from '@oxbow/core';
import { z } from 'zod';

const app = createApp({ name: 'quickstart' });

const charge = app.task('orders.charge', {
  input: z.object({ orderId: z.string(), amount: z.number().positive() }),
  retry: { attempts: 5, backoff: { delay: '1s', max: '5m' } },
  idempotency: { key: (order) => order.orderId },
  states: ['VALIDATING', 'CHARGING'],
  run: async (order, ctx) => {
    await ctx.setState('CHARGING');
    return { receipt: `r-${order.orderId}` };
  },
});

await app.worker().start();
const handle = await charge.enqueue({ orderId: '42', amount: 10 });
const { receipt } = await handle.result({ timeout: '30s' });
await app.close();

if (receipt !== 'r-42') throw new Error(`unexpected receipt ${receipt}`);
console.log(receipt);
