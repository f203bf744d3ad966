/**
 * A process that runs a worker and listens for probes, as a pod would; its orders are in OXBOW_FIXTURE. It says where it listens, blocks its event loop
 * when it is told to, runs a job of 400 ms when it is told to, and ends when it gets a SIGTERM.
 */
import { existsSync } from 'node:fs';
import { createApp } from '@oxbow/core';
import { createHealth } from '../create-health.ts';
import { QUICK_LIMITS } from './quick-limits.ts';

export interface ProbedConfig {
  readonly app: string;
  readonly url: string;
  readonly path: string;
  /** When a blocked loop does not live. @defaultValue that of every process */
  readonly eventLoopLimitMs?: number;
}

/** A job; or to block its loop so often for a while, or until a file is there. */
export type Order = 'enqueue' | { readonly blocks: number } | { readonly until: string };

const BLOCK_MS = 300;

const { app: name, url, path, eventLoopLimitMs } = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as ProbedConfig;
const app = createApp({ name, url, logLevel: 'fatal' });
const slow = app.task('slow', {
  queue: 'mail',
  run: async () => {
    process.send?.({ running: true });
    await new Promise((resolve) => setTimeout(resolve, 400));
  },
});
const health = createHealth(app, { ...QUICK_LIMITS, ...(eventLoopLimitMs === undefined ? {} : { eventLoopLimitMs }) });
const { url: address } = await health.listen({ port: 0 });
await health.listen({ path });

process.on('message', (order: Order) => obey(order));
process.send?.({ address });
process.channel?.unref();
await app.worker({ queues: { mail: 1 } }).run();

function obey(order: Order): void {
  if (order === 'enqueue') void slow.enqueue(null);
  else if ('until' in order) while (!existsSync(order.until)) standStill(20);
  else block(order.blocks);
}

function block(times: number): void {
  standStill(BLOCK_MS);
  if (times > 1) setTimeout(() => block(times - 1), 1);
}

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
