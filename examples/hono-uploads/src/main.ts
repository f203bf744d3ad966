/** Serves, and works, in one process: an embedded engine needs no other. On a server (OXBOW_URL) start as many as you like. */
import { serve } from '@hono/node-server';
import { app } from './app.ts';
import { http, server } from './server.ts';

const listening = serve({ fetch: server.fetch, port: Number(process.env['PORT'] ?? 3000) }, ({ port }) => {
  console.log(`http://localhost:${port}`);
});

await app
  .worker({
    queues: { uploads: 2 },
    shutdown: async () => {
      await http.close();
      listening.close();
    },
  })
  .run();
