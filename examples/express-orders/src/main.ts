/** Serves, and works, in one process: an embedded engine needs no other. On a server (OXBOW_URL) start as many as you like. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { app } from './app.ts';
import { http, server } from './server.ts';

const port = Number(process.env['PORT'] ?? 3000);
const listening = server.listen(port);
await once(listening, 'listening');
console.log(`http://localhost:${port}`);

await app
  .worker({
    // A stand-in for a payment provider, and one for a table.
    startup: () => ({ charge: () => Promise.resolve(randomUUID()), orders: new Map() }),
    shutdown: async () => {
      await http.close();
      listening.close();
    },
  })
  .run();
