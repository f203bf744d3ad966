/** A task that runs in a thread of its own, in a module that listens for probes as it is loaded: by the worker, and by the thread. */
import { createApp } from '@oxbow/core';
import { createHealth } from '../create-health.ts';

export const app = createApp({
  name: process.env['OXBOW_HEALTH_APP'] ?? '',
  url: process.env['OXBOW_HEALTH_URL'] ?? '',
  logLevel: 'fatal',
});
export const { url } = await createHealth(app).listen({ path: process.env['OXBOW_HEALTH_PATH'] ?? '' });
export const where = app.task('where', { isolate: { kind: 'thread', module: import.meta.url }, run: () => url });
