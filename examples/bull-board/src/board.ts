/** bull-board over the queues of the app. Whoever reaches it can do all that it can: put it behind your sign-in. */
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import express from 'express';
import { app } from './app.ts';

interface Progress {
  readonly done?: number;
  readonly total?: number;
}

/** The queues as the board shows them. */
function shown(queue: string): BullMQAdapter {
  const adapter = new BullMQAdapter(app.queue(queue), { readOnlyMode: process.env['READ_ONLY'] === '1' });
  // The ring shows percents; Oxbow tells how much of how much.
  adapter.setFormatter('progress', (progress: Progress | number) =>
    typeof progress === 'object' && progress.total !== undefined
      ? { ...progress, progress: Math.round((100 * (progress.done ?? 0)) / progress.total) }
      : progress,
  );
  return adapter;
}

/** Serves the board to this machine only. */
export async function openBoard(port: number): Promise<{ readonly url: string; readonly server: Server }> {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/queues');
  createBullBoard({ queues: ['orders', 'mails', 'reports'].map(shown), serverAdapter });
  const server = express().use('/queues', serverAdapter.getRouter()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/queues`, server };
}
