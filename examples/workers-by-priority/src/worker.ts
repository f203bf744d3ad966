/**
 * A worker process: `ROLE=urgent`, or `general`. `HOST`, `HEALTH_PORT` and `METRICS_PORT` say where it answers: in a container 0.0.0.0, for probes come from
 * outside of it.
 */
import { createHealth } from '@oxbow/health';
import { createMetrics } from '@oxbow/metrics';
import { app } from './app.ts';
import { PORTS, roles, type Role } from './roles.ts';

const role = process.env['ROLE'] ?? 'general';
if (!Object.hasOwn(roles, role)) throw new Error(`ROLE is ${role}; it must be one of ${Object.keys(roles).join(', ')}`);
const host = process.env['HOST'] ?? '127.0.0.1';

const worker = app.worker(roles[role as Role]);
const health = await createHealth(app, { worker }).listen({ host, port: Number(process.env['HEALTH_PORT'] ?? PORTS.health) });
// What the store holds is the same from every process: one kind tells it, and dashboards take the max.
const metrics = await createMetrics(app, { worker, collect: role === 'general' ? 'both' : 'process' }).listen({
  host,
  port: Number(process.env['METRICS_PORT'] ?? PORTS.metrics),
});
process.send?.({ health: health.url, metrics: metrics.url });
await worker.run();
