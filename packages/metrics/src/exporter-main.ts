#!/usr/bin/env node
/**
 * `oxbow-exporter`: what the engine of an app holds, as Prometheus metrics, from a process without any task. The engine is `OXBOW_URL`.
 *
 *   oxbow-exporter <app> [queue ...] [--port 9464] [--host 127.0.0.1] [--namespace oxbow]
 */
import { parseArgs } from 'node:util';
import { createApp } from '@oxbow/core';
import { createMetrics } from './create-metrics.ts';

const USAGE = 'usage: OXBOW_URL=redis://… oxbow-exporter <app> [queue ...] [--port 9464] [--host 127.0.0.1] [--namespace oxbow]';

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string' }, host: { type: 'string' }, namespace: { type: 'string' } },
  });
  const [name, ...queues] = positionals;
  const port = values.port === undefined ? 9464 : Number(values.port);
  if (name === undefined || !Number.isInteger(port)) throw new Error(USAGE);
  await serve({ name, queues, port, host: values.host ?? '127.0.0.1', namespace: values.namespace ?? 'oxbow' });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

interface Exporter {
  readonly name: string;
  readonly queues: readonly string[];
  readonly port: number;
  readonly host: string;
  readonly namespace: string;
}

async function serve({ name, queues, port, host, namespace }: Exporter): Promise<void> {
  const app = createApp({ name });
  const metrics = createMetrics(app, { collect: 'cluster', namespace, ...(queues.length === 0 ? {} : { queues }) });
  const { url } = await metrics.listen({ port, host });
  process.stdout.write(`${url}/metrics\n`);
  const alive = setInterval(() => undefined, 2 ** 30);
  const end = async (): Promise<void> => {
    clearInterval(alive);
    await app.close();
  };
  process.once('SIGTERM', () => void end());
  process.once('SIGINT', () => void end());
}
