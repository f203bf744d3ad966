/** `npm start`: both kinds of workers and the producer in one process, which is what an embedded engine allows. */
import { app } from './app.ts';
import { roles } from './roles.ts';

const workers = Object.values(roles).map((role) => app.worker(role));
await Promise.all(workers.map((worker) => worker.start()));
// It closes the app, which drains the workers.
await import('./producer.ts');
