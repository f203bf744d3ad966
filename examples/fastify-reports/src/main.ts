/** Serves, and works, in one process: an embedded engine needs no other. On a server (OXBOW_URL) start as many as you like. At SIGTERM running reports end first. */
import { app } from './app.ts';
import { server } from './server.ts';

await app
  .worker({
    queues: { reports: 1 },
    startup: async () => {
      console.log(await server.listen({ port: Number(process.env['PORT'] ?? 3000) }));
    },
    shutdown: () => server.close(),
  })
  .run();
