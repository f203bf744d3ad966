/** The worker process. Any number of them, on any machine, share the work. */
import { app } from './app.ts';

await app.worker({ queues: { default: 10 } }).run();
