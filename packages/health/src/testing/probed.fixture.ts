/**
 * A process that runs a worker and listens for probes, as a pod would; its orders are in OXBOW_FIXTURE. It says where it listens, blocks its event loop
 * when it is told to, and ends when it gets a SIGTERM.
 */
import { createApp } from '@oxbow/core';
import { createHealth } from '../create-health.ts';
import { QUICK_LIMITS } from './quick-limits.ts';

export interface ProbedConfig {
  readonly app: string;
  readonly url: string;
  readonly path: string;
}

/** How often, and for how long, the loop is to be blocked. */
export interface Block {
  readonly times: number;
  readonly ms: number;
}

const { app: name, url, path } = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as ProbedConfig;
const app = createApp({ name, url, logLevel: 'fatal' });
app.task('slow', {
  queue: 'mail',
  run: async () => {
    process.send?.({ running: true });
    await new Promise((resolve) => setTimeout(resolve, 400));
  },
});
const health = createHealth(app, { ...QUICK_LIMITS, eventLoopLimitMs: 150 });
const { url: address } = await health.listen({ port: 0 });
await health.listen({ path });

process.on('message', ({ times, ms }: Block) => block(times, ms));
process.send?.({ address });
process.channel?.unref();
await app.worker({ queues: { mail: 1 } }).run();

function block(times: number, ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
  if (times > 1) setTimeout(() => block(times - 1, ms), 1);
}
