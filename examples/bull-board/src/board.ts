/** bull-board over the queues of an app. Whoever reaches it can do all that it can: put it behind your sign-in. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { App } from '@oxbow/core';
import express from 'express';

interface Progress {
  readonly done?: number;
  readonly total?: number;
}

/** Serves the board to this machine only. */
export async function openBoard(
  app: App,
  { queues, port, readOnly = false }: { readonly queues: readonly string[]; readonly port: number; readonly readOnly?: boolean },
): Promise<{ readonly url: string; readonly server: Server }> {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/queues');
  createBullBoard({ queues: queues.map((queue) => adapterOf(app, queue, readOnly)), serverAdapter });
  const server = express().use('/queues', serverAdapter.getRouter()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/queues`, server };
}

function adapterOf(app: App, queue: string, readOnly: boolean): BullMQAdapter {
  // Its types know the Redis backend only; it works with all.
  const adapter = new BullMQAdapter(app.queue(queue) as never, { readOnlyMode: readOnly });
  // The board's ring shows percents; Oxbow tells how much of how much.
  adapter.setFormatter('progress', (progress: Progress | number) =>
    typeof progress === 'object' && progress.total !== undefined
      ? { ...progress, progress: Math.round((100 * (progress.done ?? 0)) / progress.total) }
      : progress,
  );
  return adapter;
}
