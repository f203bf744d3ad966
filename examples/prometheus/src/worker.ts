/** The worker process. It exports what it does itself; `PORT` is where. */
import { createMetrics } from '@oxbow/metrics';
import { app } from './app.ts';

const worker = app.worker({ queues: { mail: 10, reports: 2 } });
const metrics = createMetrics(app, { worker, collect: 'process' });
const { url } = await metrics.listen({ port: Number(process.env['PORT'] ?? 9464), host: process.env['HOST'] ?? '127.0.0.1' });
process.send?.({ metrics: url });
await worker.run();
